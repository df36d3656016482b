import time, pytest, cProfile, pstats
from tests.journeys.quarter.company import quarter, moment
def test_try(tmp_path, monkeypatch):
    with quarter(tmp_path, monkeypatch) as q:
        for w,m in [(1,"Mon 09:00"),(1,"Tue 02:20")]:
            t=time.time(); q.at(moment(w,m)); q.turn(); print(m, round(time.time()-t,2))
        p=cProfile.Profile(); p.enable()
        t=time.time();c=time.process_time(); q.at(moment(1,"Wed 02:20")); q.turn(); print(round(time.time()-t,2), time.process_time()-c)
        p.disable(); pstats.Stats(p).sort_stats("cumulative").print_stats(70)
