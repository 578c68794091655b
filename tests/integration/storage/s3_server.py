"""A server of the S3 protocol (moto) that checks every signature.

Prints its port and a pair of keys as JSON. Then a line of JSON on standard input is a command, answered by a line:
{"put": {KEY: base64}, "bucket": B}, {"list": B}, {"get": KEY, "bucket": B}, {"refuse": true or false}. Ends with its input.
"""

import base64
import json
import os
import sys

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

ACCOUNT, BUCKETS = "123456789012", ("captures", "reports")
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def main():
    iam, s3 = iam_backends[ACCOUNT]["aws"], s3_backends[ACCOUNT]["aws"]
    iam.create_user(region_name="us-east-1", user_name="netrec")
    iam.put_user_policy("netrec", "all", json.dumps(ALL))
    key = iam.create_access_key("netrec")
    for bucket in BUCKETS:
        s3.create_bucket(bucket, "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    print(json.dumps([port, key.access_key_id, key.secret_access_key]), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "put" in command:
            for name, content in command["put"].items():
                s3.put_object(command["bucket"], name, base64.b64decode(content))
            answer = len(command["put"])
        elif "list" in command:
            bucket = s3.get_bucket(command["list"])
            answer = sorted(bucket.keys.keys())
        else:
            answer = base64.b64encode(s3.get_object(command["bucket"], command["get"]).value).decode()
        print(json.dumps(answer), flush=True)


main()
