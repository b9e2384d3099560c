"""The wire between agents, the client and the application master.

`wire` holds the messages as frozen dataclasses, `channel` the client's end. The generated protobuf code is
private to this package and to the AM's service; everything else speaks `wire`.
"""
