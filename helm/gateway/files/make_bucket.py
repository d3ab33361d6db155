"""Make MLflow's bucket if it is not there, and say clearly why not. Runs before the server."""

import os
import sys
from http import HTTPStatus

import boto3
from botocore.exceptions import BotoCoreError, ClientError


BUCKET = os.environ["BUCKET"]
ENDPOINT = os.environ["MLFLOW_S3_ENDPOINT_URL"]
REGION = os.environ["AWS_DEFAULT_REGION"]
THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}

try:
    client = boto3.client("s3", endpoint_url=ENDPOINT)
    try:
        client.head_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
            raise
        place = {} if REGION == "us-east-1" else {"LocationConstraint": REGION}
        more = {"CreateBucketConfiguration": place} if place else {}
        client.create_bucket(Bucket=BUCKET, **more)
except ClientError as error:
    if error.response["Error"]["Code"] not in THERE:
        sys.exit(
            f"{ENDPOINT} refused bucket {BUCKET} ({error.response['Error']['Code']})\n"
            "  Next: check the keys in Secret mlflow-store-key and what they may do"
        )
except BotoCoreError as error:
    sys.exit(
        f"{ENDPOINT} did not answer ({type(error).__name__})\n"
        "  Next: check that the object store runs; this is tried again by itself"
    )
