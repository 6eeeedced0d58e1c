"""Reduces Google's discovery document of Compute Engine to what is used of it: the methods below, and every schema they reach, whole.

    ./tests/with-google tests/gce/reduce.py            writes tests/fakes/discovery/compute.v1.json
    ./tests/with-google tests/gce/reduce.py --check    fails if that file is not what would be written

Words are left out. What they alone say stays: that a field is only ever in an answer, as `output`; that a parameter is to be a UUID, as `format`;
and a pattern that stands after `@pattern`. Nothing else of a schema is left out, so that what is judged by the reduced document is judged as by Google's.
"""

import hashlib
import json
import os
import pathlib
import re
import zipfile

import reduction

DOCUMENT = "googleapiclient/discovery_cache/documents/compute.v1.json"
REDUCED = pathlib.Path(__file__).parent.parent / "fakes" / "discovery" / "compute.v1.json"

# What backend-gcp calls, and what it takes to make by Google's own clients what a user makes beforehand.
METHODS = """
    autoscalers.get
    autoscalers.insert
    autoscalers.patch
    backendServices.aggregatedList
    backendServices.delete
    backendServices.get
    backendServices.getHealth
    backendServices.insert
    backendServices.list
    backendServices.patch
    backendServices.update
    disks.aggregatedList
    globalOperations.get
    globalOperations.wait
    images.delete
    images.deprecate
    images.get
    images.getFromFamily
    images.insert
    images.list
    images.patch
    instanceGroupManagers.aggregatedList
    instanceGroupManagers.delete
    instanceGroupManagers.deleteInstances
    instanceGroupManagers.get
    instanceGroupManagers.insert
    instanceGroupManagers.list
    instanceGroupManagers.listErrors
    instanceGroupManagers.listManagedInstances
    instanceGroupManagers.patch
    instanceGroupManagers.resize
    instanceTemplates.aggregatedList
    instanceTemplates.delete
    instanceTemplates.get
    instanceTemplates.insert
    instanceTemplates.list
    machineTypes.get
    regionAutoscalers.get
    regionAutoscalers.insert
    regionAutoscalers.patch
    regionBackendServices.delete
    regionBackendServices.get
    regionBackendServices.getHealth
    regionBackendServices.insert
    regionBackendServices.list
    regionBackendServices.patch
    regionBackendServices.update
    regionInstanceGroupManagers.delete
    regionInstanceGroupManagers.deleteInstances
    regionInstanceGroupManagers.get
    regionInstanceGroupManagers.insert
    regionInstanceGroupManagers.list
    regionInstanceGroupManagers.listErrors
    regionInstanceGroupManagers.listManagedInstances
    regionInstanceGroupManagers.patch
    regionInstanceGroupManagers.resize
    regionInstanceTemplates.delete
    regionInstanceTemplates.get
    regionInstanceTemplates.insert
    regionInstanceTemplates.list
    regionOperations.get
    regionOperations.wait
    regionUrlMaps.delete
    regionUrlMaps.get
    regionUrlMaps.insert
    regionUrlMaps.list
    regionUrlMaps.patch
    regionUrlMaps.update
    regions.get
    urlMaps.delete
    urlMaps.get
    urlMaps.insert
    urlMaps.list
    urlMaps.patch
    urlMaps.update
    zoneOperations.get
    zoneOperations.wait
""".split()

# Of a field, of a parameter and of a method: what is kept as it is, what is kept in another form, and what is left out. A word that is in none of
# these stops the reduction, since it may be a rule.
KEPT = {
    "$ref", "additionalProperties", "default", "enum", "format", "items", "location", "maximum", "minimum", "pattern", "properties", "repeated",
    "required", "type",
}
TURNED = {"annotations", "description", "readOnly"}
LEFT_OUT = {"deprecated", "enumDeprecated", "enumDescriptions", "id"}
METHOD_KEPT = {"apiVersion", "httpMethod", "path"}
METHOD_LEFT_OUT = {"description", "flatPath", "id", "parameterOrder", "scopes"}


def methods(resource):
    for method in resource.get("methods", {}).values():
        yield method["id"].removeprefix("compute."), method
    for below in resource.get("resources", {}).values():
        yield from methods(below)


def only_ever_answered(schema):
    """Google says it by a word of the schema and in the text, or in the text alone: of half of the fields."""
    text = schema.get("description", "").removeprefix("[DEPRECATED] CSEK is no longer supported. Use CMEK instead.\n")
    return bool(schema.get("readOnly")) or text.strip().lower().lstrip("[").startswith("output only")


def reduced(schema):
    """A schema without its words."""
    unknown = set(schema) - KEPT - TURNED - LEFT_OUT
    assert not unknown, f"not known what {unknown} means in {schema}"
    out = {key: value for key, value in schema.items() if key in KEPT}
    for key in ("items", "additionalProperties"):
        if key in out:
            out[key] = reduced(out[key])
    if "properties" in out:
        out["properties"] = {name: reduced(value) for name, value in out["properties"].items()}
    if only_ever_answered(schema):
        out["output"] = True
    words = " ".join(schema.get("description", "").split())
    if "must be a valid UUID" in words or "Request ID to support idempotency" in words:
        out["format"] = "uuid"
    if found := re.search(r"@pattern (\S+)", words):
        out.setdefault("pattern", found[1].replace("\\\\", "\\"))
    needed = [one.removeprefix("compute.") for one in schema.get("annotations", {}).get("required", [])]
    if kept := sorted(set(needed) & set(METHODS)):
        out["requiredBy"] = kept
    return out


def reduce(document, sha256):
    found = dict(methods(document))
    assert METHODS == sorted(set(METHODS)), "the methods are to be in order, each once"
    out = {
        "from": {"document": DOCUMENT, "revision": document["revision"], "wheelSha256": sha256},
        "basePath": document["basePath"],
        "parameters": {name: reduced(value) for name, value in document["parameters"].items()},
        "methods": {},
        "schemas": {},
    }
    waiting = []
    for name in METHODS:
        method = found[name]
        unknown = set(method) - METHOD_KEPT - METHOD_LEFT_OUT - {"parameters", "request", "response"}
        assert not unknown, f"not known what {unknown} means in {name}"
        kept = {key: value for key, value in method.items() if key in METHOD_KEPT}
        kept["parameters"] = {key: reduced(value) for key, value in method["parameters"].items()}
        for key in ("request", "response"):
            if key in method:
                kept[key] = method[key]["$ref"]
                waiting.append(kept[key])
        out["methods"][name] = kept
    while waiting:
        name = waiting.pop()
        if name not in out["schemas"]:
            out["schemas"][name] = reduced(document["schemas"][name])
            waiting.extend(reduction.references(out["schemas"][name]))
    return out


def main():
    wheel = pathlib.Path(os.environ["IMMUTABLE_WHEELS"]) / "google_api_python_client-2.202.0-py3-none-any.whl"
    document = json.loads(zipfile.ZipFile(wheel).read(DOCUMENT))
    reduction.run(__doc__, "Google's", {REDUCED: reduce(document, hashlib.sha256(wheel.read_bytes()).hexdigest())})


main()
