#!/bin/sh
# Makes the bucket of the artifacts where there is none, and starts MLflow's server.
set -eu
python - <<'PYTHON'
import os

import boto3

s3, bucket = boto3.client("s3"), os.environ["ARTIFACTS"]
if bucket not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket)
PYTHON
# Whoever trains hands artifacts to the server and needs no credentials of the S3.
exec mlflow server --host 0.0.0.0 --port 5000 --workers 1 --serve-artifacts --artifacts-destination "s3://$ARTIFACTS" \
    --allowed-hosts "mlflow:5000,localhost:*,127.0.0.1:*"
