"""Sparkplug 3.0 on the wire, pure: no connection, no clock.

| module | holds |
|---|---|
| `topics` | the namespace `spBv1.0`: `SparkplugTopic`, `parse_topic`, `state_topic` |
| `payload` | `Payload`, `Metric`, `Property`; `encode` and `decode` |
| `values` | what a value of a type may be, and its field on the wire |
| `data_types` | the numbers of the types |
| `host_state` | STATE of a host application, which is JSON |
| `errors` | `SparkplugError`, the one error of all of them |
| `sparkplug_b_pb2` | generated of `sparkplug_b.proto` |

`payload` needs protobuf, which is in the extra `sparkplug`; the others do not.
"""
