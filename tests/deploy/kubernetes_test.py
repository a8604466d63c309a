"""Holds deploy/kubernetes/augment.yaml to the schemas of Kubernetes (shipped by the package kubernetes-validate), and to
what tpt --shard auto and the fleet need from it.

  kubernetes_test.py SOURCE_FOLDER

Exits with 77 and a word on stdout where the package is not installed.
"""
import copy
import sys
from pathlib import Path

VERSIONS = ("1.31", "1.34", "1.37")


def container(document):
    return document["spec"]["template"]["spec"]["containers"][0]


def main(source):
    try:
        import kubernetes_validate
        import yaml
    except ImportError:
        print("kubernetes-validate is not installed")
        return 77
    documents = list(yaml.safe_load_all((Path(source) / "deploy/kubernetes/augment.yaml").read_text()))
    kinds = {document["kind"]: document for document in documents}
    assert sorted(kinds) == ["Deployment", "Job", "Secret", "Service"], kinds
    for version in VERSIONS:
        for document in documents:
            kubernetes_validate.validate(document, version, strict=True)
    # The oracle does refuse.
    wrong = copy.deepcopy(kinds["Job"])
    wrong["spec"]["completionMod"] = "Indexed"
    try:
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)
        raise AssertionError("a field that does not exist passed")
    except kubernetes_validate.ValidationError:
        pass

    job, service, deployment, secret = (kinds[kind] for kind in ("Job", "Service", "Deployment", "Secret"))
    assert job["spec"]["completionMode"] == "Indexed"
    environment = {item["name"]: item for item in container(job)["env"]}
    assert environment["JOB_COMPLETIONS"]["value"] == str(job["spec"]["completions"])
    assert "JOB_COMPLETION_INDEX" not in environment, "Kubernetes sets it"
    keys = {item["valueFrom"]["secretKeyRef"]["key"] for item in [*container(job)["env"], *container(deployment)["env"]]
            if "secretKeyRef" in item.get("valueFrom", {})}
    assert keys and keys <= set(secret["stringData"]), keys
    words = container(job)["args"]
    assert words[words.index("--shard") + 1] == "auto"
    assert words[words.index("--out") + 1].startswith("s3://"), "pods come and go: their disks too"
    mounts = {mount["mountPath"] for mount in container(job)["volumeMounts"]}
    assert words[words.index("--work") + 1] in mounts, "an output on S3 needs a folder to work in"
    url = words[words.index("--url") + 1]
    port = service["spec"]["ports"][0]["port"]
    assert url == f"http+dns://{service['metadata']['name']}:{port}/v1", url
    assert service["spec"]["clusterIP"] == "None", "each replica must have an address of its own"
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    # A pod that is told to stop drains and exits with 130, which is no failure.
    rules = job["spec"]["podFailurePolicy"]["rules"]
    assert any(rule["action"] == "Ignore" and rule.get("onExitCodes", {}).get("values") == [130] for rule in rules), rules
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
