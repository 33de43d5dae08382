"""Trains a network, draws its loss while it learns, and saves the curve as a picture.

With nothing but Python and matplotlib (apt-get install python3-matplotlib, or pip install matplotlib):

    python3 watch_training.py [http://localhost:4000] [--dataset cifar10] [--epochs 2] [--output loss.png]

Its three parts are what any program needs: a request, a stream of server-sent events that loses nothing when the
connection breaks, and what to do with the numbers.
"""

import argparse
import json
import time
import urllib.error
import urllib.request

# %% A request: one POST, the data of its answer.


def request(server, query, variables=None):
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    post = urllib.request.Request(
        f"{server}/graphql", body, {"content-type": "application/json", "accept": "application/json"}
    )
    try:
        with urllib.request.urlopen(post) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    if answer.get("errors"):
        raise RuntimeError("; ".join(error["message"] for error in answer["errors"]))
    return answer["data"]


# %% A stream: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), field by field.


def subscribe(server, query, variables):
    """Yields the data of each item. Ends when the server says that the stream is complete."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    post = urllib.request.Request(
        f"{server}/graphql", body, {"content-type": "application/json", "accept": "text/event-stream"}
    )
    # The server sends something at least every 12 seconds; who hears nothing for longer is not connected.
    with urllib.request.urlopen(post, timeout=60) as response:
        event, data = "message", []
        for raw in response:
            line = raw.decode().rstrip("\r\n")
            if line == "":
                if event == "complete":
                    return
                if event == "next" and data:
                    answer = json.loads("\n".join(data))
                    if answer.get("errors"):
                        raise RuntimeError("; ".join(error["message"] for error in answer["errors"]))
                    yield answer["data"]
                event, data = "message", []
            elif not line.startswith(":"):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    event = value
                elif field == "data":
                    data.append(value)
    raise ConnectionError("the stream ended before it was complete")


EVENTS = """
subscription ($id: ID!, $after: Cursor) {
  trainingRunEvents(id: $id, after: $after) {
    __typename
    ... on RunEvent { cursor }
    ... on LossPoints { points { step loss attempt } }
    ... on EpochEnded { summary { epoch testAccuracy testLoss } }
    ... on StatusChanged { status step failure { message } }
  }
}
"""


def follow(server, run):
    """Every event of a run, each once: after a break it goes on behind the last cursor."""
    cursor = None
    while True:
        try:
            for data in subscribe(server, EVENTS, {"id": run, "after": cursor}):
                event = data["trainingRunEvents"]
                cursor = event["cursor"]
                yield event
            return
        except (OSError, ConnectionError, urllib.error.URLError) as error:
            print(f"no connection ({error}), trying again")
            time.sleep(1)


# %% The numbers.

START = """
mutation ($input: StartTrainingRunInput!) {
  startTrainingRun(input: $input) { ... on TrainingRun { id number } ... on Error { message } }
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", nargs="?", default="http://localhost:4000")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--architecture", default="vgg_mini")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--train-limit", type=int)
    parser.add_argument("--output", default="loss.png")
    options = parser.parse_args()

    import matplotlib

    matplotlib.use("Agg")  # A file needs no screen. In a notebook, leave this out.
    import matplotlib.pyplot as plt

    run = request(
        options.server,
        START,
        {
            "input": {
                "architecture": options.architecture,
                "dataset": options.dataset,
                "epochs": options.epochs,
                "logEvery": 1,
                **({"trainLimit": options.train_limit} if options.train_limit else {}),
            }
        },
    )["startTrainingRun"]
    if "message" in run:
        raise SystemExit(run["message"])
    print(f"run #{run['number']}")

    # Steps that an interrupted run trains again replace those that it had.
    losses = {}
    for event in follow(options.server, run["id"]):
        kind = event["__typename"]
        if kind == "LossPoints":
            losses.update({point["step"]: point["loss"] for point in event["points"]})
        elif kind == "EpochEnded":
            summary = event["summary"]
            print(f"epoch {summary['epoch']}: test accuracy {summary['testAccuracy']}, loss {summary['testLoss']}")
        elif kind == "StatusChanged":
            print(event["status"], (event["failure"] or {}).get("message", ""))
            if event["status"] == "RUNNING":
                losses = {step: loss for step, loss in losses.items() if step <= event["step"]}

    steps = sorted(losses)
    plt.plot(steps, [float("nan") if losses[step] is None else losses[step] for step in steps])
    plt.title(f"Run #{run['number']}: {options.architecture}")
    plt.xlabel("step")
    plt.ylabel("cross-entropy (nats)")
    plt.savefig(options.output, dpi=120)
    print(f"{len(steps)} points: {options.output}")


if __name__ == "__main__":
    main()
