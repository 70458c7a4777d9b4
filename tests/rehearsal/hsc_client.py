"""A stand-in for the HSC archive's client, hscReleaseQuery.py: its options, job API and manners.

Submits the query, asks for its state until it is done, writes the answer to standard output. As the
client, it ends an answer that the connection cut short without an error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request


def main() -> int:
    """Run one query; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", "-u", required=True)
    parser.add_argument("--release-version", "-r", choices=("pdr1", "pdr2", "pdr3"), required=True)
    parser.add_argument("--delete-job", "-D", action="store_true")
    parser.add_argument("--format", "-f", choices=("csv", "csv.gz", "fits"), default="csv")
    parser.add_argument("--nomail", "-M", action="store_true")
    parser.add_argument("--skip-syntax-check", "-S", action="store_true")
    parser.add_argument("--api-url", required=True)
    parser.add_argument("sql", type=argparse.FileType("r"))
    given = parser.parse_args()
    credential = {
        "account_name": given.user,
        "password": os.environ["HSC_SSP_CAS_PASSWORD"],
    }

    def post(action: str, **fields: object) -> urllib.request.Request:
        body = json.dumps({"credential": credential, "clientVersion": "20190514.1", **fields})
        headers = {"Content-type": "application/json"}
        request = urllib.request.Request(given.api_url + action, body.encode(), headers)
        return urllib.request.urlopen(request)

    job = {
        "sql": given.sql.read(),
        "out_format": given.format,
        "include_metainfo_to_body": True,
        "release_version": given.release_version,
    }
    options = {"nomail": given.nomail, "skip_syntax_check": given.skip_syntax_check}
    try:
        number = json.load(post("submit", catalog_job=job, **options))["id"]
        state, pause = {"status": ""}, 0.1
        while state["status"] != "done":
            time.sleep(pause)
            pause *= 2
            state = json.load(post("status", id=number))
            if state["status"] == "error":
                print("query error:", state["error"], file=sys.stderr)
                return 1
        answer, size = post("download", id=number), 64 << 10
        while True:
            piece = answer.read(size)
            sys.stdout.buffer.write(piece)
            if len(piece) < size:
                break
        if given.delete_job:
            post("delete", id=number)
    except urllib.error.HTTPError as error:
        words = {401: "invalid id or password.", 406: error.read()}
        print(words.get(error.code, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
