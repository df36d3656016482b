"""The Forge app's side of the product: who calls, what may they see, which installation works for which connection.

The bundles and the manifest lie in the folder ``forge`` of the repository; the HTTP door is ``connector.views.forge``.
"""
