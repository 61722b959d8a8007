"""A press in twenty lines: one shot with a reading a second. Needs paho-mqtt 2.

python plc.py [HOST [PORT [SECONDS_OF_CURE]]]
"""

import itertools
import json
import sys
import time

import paho.mqtt.client as mqtt

HOST = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 1883
CURE_S = int(sys.argv[3]) if len(sys.argv) > 3 else 180
PRESS = "pur/v1/plant1/press1"
numbers = itertools.count()


def send(kind: str, **fields: object) -> None:
    """Publish a message, numbered, with the time of now, and wait until the broker has it."""
    message = {"ts": time.time(), "device_id": "plc-1", "seq": next(numbers), "mold_id": "PANEL_A"}
    message |= fields
    client.publish(f"{PRESS}/{kind}", json.dumps(message), qos=1).wait_for_publish(10)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.connect(HOST, PORT)
client.loop_start()
shot = f"S-{time.time():.0f}"
send("shot", shot_id=shot, event="started")
send("telemetry", sensors={"T_mold_C": 40.2, "T_polyol_C": 24.8, "T_iso_C": 25.1})
time.sleep(1)  # the pour
recipe = {"m_polyol_kg": 0.4, "m_iso_kg": 0.45, "T_polyol_C": 25, "T_iso_C": 25, "T_mold_C": 40}
send("shot", shot_id=shot, event="poured", system_id="SYSTEM_R1", recipe=recipe)
for _ in range(CURE_S):
    time.sleep(1)
    send("telemetry", sensors={"T_mold_C": 40.4})
send("shot", shot_id=shot, event="demolded")
client.disconnect()
client.loop_stop()
