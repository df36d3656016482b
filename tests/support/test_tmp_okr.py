from pathlib import Path
from tests.support.okr_notion import okr_world
from connector.domain.okr_columns import *
def test_it(tmp_path):
    with okr_world(tmp_path) as scene:
        print({k:[(c.name,c.type) for c in f.columns] for k,f in scene.databases.items()})
        scene.objective("onboarding")
        scene.key_result("kr-setup", title="First invoice sent")
        scene.drain()
        print(scene.rows_here(), [r.page for r in scene.rows()])
        row = scene.add_row({"Key result": "Typed", "Owner": ["Bob"], "From": 3}, by="Bob")
        assert row["From"]==3.0
        with scene.host() as host:
            cols={c.field: f for c in COLUMNS[DatabaseKind.KEY_RESULTS] for f in scene.databases[DatabaseKind.KEY_RESULTS].columns if f.name==c.name}
            print(host.list_rows(scene.source(), cols))
            print(host.write_row(row.ref, cols, {"title":"x","value":4.5,"state":"On track","note":"hello, world","key":"k1"}))
            print(host.find_row(scene.source(), cols, "key","k1"))
            print(host.requests)
        print(scene.count())
