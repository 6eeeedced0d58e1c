"""Reduces the models of Microsoft's own clients of Azure to what is used of them: the methods below, and every model they reach.

    ./tests/with-microsoft tests/arm/reduce.py            writes tests/fakes/arm/*.json
    ./tests/with-microsoft tests/arm/reduce.py --check    fails if those files are not what would be written

The clients are generated from what Microsoft publishes of its services. A method is read from the source of its client: the verb, the path, the
version of the API, parameters, headers and statuses. A model is asked for its fields: the name on the wire, the type, the values of an enum, whether
a request must have it, and whether it is only ever in an answer, as `output`. Words are left out.
"""

import ast
import datetime
import enum
import functools
import hashlib
import importlib
import os
import pathlib
import re
import typing

import reduction

FAKES = pathlib.Path(__file__).parent.parent / "fakes" / "arm"

# What backend-azure calls, and what it takes to make by Microsoft's own clients what a user makes beforehand.
METHODS = {
    "compute": """
        galleries.createOrUpdate
        galleries.get
        galleryApplicationVersions.createOrUpdate
        galleryApplicationVersions.delete
        galleryApplicationVersions.get
        galleryApplicationVersions.listByGalleryApplication
        galleryApplicationVersions.update
        galleryApplications.createOrUpdate
        galleryApplications.get
        galleryImageVersions.createOrUpdate
        galleryImageVersions.delete
        galleryImageVersions.get
        galleryImageVersions.listByGalleryImage
        galleryImageVersions.update
        galleryImages.createOrUpdate
        galleryImages.get
        images.createOrUpdate
        images.delete
        images.get
        images.list
        images.listByResourceGroup
        resourceSkus.list
        usage.list
        virtualMachineImages.get
        virtualMachineImages.list
        virtualMachineScaleSetVMs.list
        virtualMachineScaleSets.createOrUpdate
        virtualMachineScaleSets.delete
        virtualMachineScaleSets.deleteInstances
        virtualMachineScaleSets.get
        virtualMachineScaleSets.list
        virtualMachineScaleSets.listAll
        virtualMachineScaleSets.update
        virtualMachines.delete
        virtualMachines.get
        virtualMachines.list
        virtualMachines.listAll
    """.split(),
    "monitor": ["metrics.list"],
    "network": """
        loadBalancerBackendAddressPools.createOrUpdate
        loadBalancerBackendAddressPools.delete
        loadBalancerBackendAddressPools.get
        loadBalancerLoadBalancingRules.health
        loadBalancers.createOrUpdate
        loadBalancers.get
        loadBalancers.list
    """.split(),
    "trafficmanager": """
        endpoints.get
        endpoints.update
        profiles.createOrUpdate
        profiles.get
        profiles.update
    """.split(),
}
# Of these only the fields that any resource has are kept, in a load balancer: it refers to them, and shows no more unless `$expand` asks for it.
REFERRED_TO = {"network": {"NetworkInterfaceIPConfiguration", "PublicIPAddress", "PublicIPPrefix", "Subnet"}}
OF_ANY = {"etag", "id", "name", "type"}

PLAIN = {
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "iso-8601": {"format": "date-time", "type": "string"},
    "object": {"type": "any"},
    "str": {"type": "string"},
    bool: {"type": "boolean"},
    datetime.datetime: {"format": "date-time", "type": "string"},
    datetime.timedelta: {"format": "duration", "type": "string"},
    float: {"type": "number"},
    int: {"type": "integer"},
    str: {"type": "string"},
    typing.Any: {"type": "any"},
}


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def values(kind):
    return {"enum": sorted(one.value for one in kind), "type": "string"}


class Client:
    """One of the packages, and those of its models that were spoken of."""

    def __init__(self, name):
        self.name = name
        self.package = f"azure.mgmt.{name}"
        self.models = importlib.import_module(f"{self.package}.models")
        folder = pathlib.Path(importlib.import_module(f"{self.package}.operations").__file__).parent
        self.sources = [path.read_text() for path in sorted(folder.glob("_*operations.py"))]
        self.schemas = {}

    def wheel(self):
        (wheel,) = pathlib.Path(os.environ["IMMUTABLE_WHEELS"]).glob(f"azure_mgmt_{self.name}-*.whl")
        return {
            "package": f"azure-mgmt-{self.name}",
            "version": wheel.name.split("-")[1],
            "wheelSha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        }

    @functools.cached_property
    def classes(self):
        """The source of each group of operations, with the source it is in."""
        return {
            found[1].removeprefix("_"): (found[0], source)
            for source in self.sources
            for found in re.finditer(r"^class (\w+)Operations\b.*?(?=^class |\Z)", source, re.M | re.S)
        }

    def method(self, id):
        group, name = id.split(".")
        text, source = self.classes[group[0].upper() + group[1:]]
        # Of several of one name the last is the one that is no overload.
        inside = dict(re.findall(r"^    def (\w+)(\(.*?)(?=^    def |^    @|\Z)", text, re.M | re.S))
        name = snake(name)
        poller = inside.get(f"begin_{name}")
        sends = inside[f"_{name}_initial"] if poller else inside[name]
        (builder,) = set(re.findall(r"_request = (build_\w+)\(", sends))
        (built,) = re.findall(rf"^def {builder}\(.*?(?=^def |^class )", source, re.M | re.S)
        out = self.built(ast.parse(built).body[0])
        statuses = re.search(r"response\.status_code not in \[([0-9, ]+)\]", sends)[1]
        out["statuses"] = [int(one) for one in statuses.split(",")]
        out["longRunning"] = bool(poller)
        if found := re.search(r"Union\[\s*_models\.(\w+),\s*(?:_types\.\w+,\s*)?IO\[bytes\],?\s*\]", sends):
            out["request"] = self.named(found[1])
        assert ("request" in out) == ("Content-Type" in out.pop("sets")), f"what {id} takes is not found"
        if response := self.response(poller or sends):
            out["response"] = response
        (failure,) = re.findall(r"failsafe_deserialize\(\s*_models\.(\w+)", sends)
        # Of others than Resource Manager's own form: `front.json` has that one, with what is required in it.
        kind = getattr(self.models, failure)
        if "error" not in getattr(kind, "_attribute_map", kind.__annotations__):
            out["failure"] = self.named(failure)
        if out["httpMethod"] == "GET":
            assert "response" in out, f"what answers {id} is not found"
        return out

    def response(self, text):
        """What the source says that is read from an answer."""
        if found := re.search(r"ItemPaged\[\"?_models\.(\w+)\"?\]", text):
            value = {"items": self.named(found[1]), "required": True, "type": "array"}
            return {"properties": {"nextLink": {"type": "string"}, "value": value}, "type": "object"}
        if found := re.search(r"_deserialize\(\s*[Ll]ist\[_models\.(\w+)\]", text):
            return {"items": self.named(found[1]), "type": "array"}
        if found := re.search(r"_deserialize\(\s*(?:_models\.(\w+), response\.json|\"(\w+)\", pipeline_response\.http_response\b)", text):
            return self.named(found[1] or found[2])

    def built(self, function):
        """From the source of the function that builds a request."""
        annotations = {one.arg: ast.unparse(one.annotation) for one in function.args.args + function.args.kwonlyargs}
        out = {"headers": [], "parameters": {}, "sets": []}

        def parameter(call, **more):
            """Of `_SERIALIZER.query("top", top, "int", minimum=1)`."""
            variable, _, kind = (getattr(one, "value", None) for one in call.args)
            words = {one.arg: one.value.value for one in call.keywords}
            assert set(words) <= {"maximum", "max_length", "minimum", "min_length", "pattern", "skip_quote"}, ast.unparse(call)
            found = re.search(r"_models\.(\w+)", annotations[variable]) if variable in annotations else None
            return {
                **(values(getattr(self.models, found[1])) if found else PLAIN[kind]),
                **{word: str(words[word]) for word in ("maximum", "minimum", "pattern") if word in words},
                **more,
            }

        def constant(value, pattern):
            return next(one.value for one in ast.walk(value) if isinstance(one, ast.Constant) and re.match(pattern, str(one.value)))

        def walk(statements, required):
            for one in statements:
                match one:
                    case ast.If():
                        walk(one.body, {})
                    case ast.Return():
                        out["httpMethod"] = next(word.value.value for word in one.value.keywords if word.arg == "method")
                    case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                        assigned(ast.unparse(target), one.value, required)

        def assigned(target, value, required):
            name = re.search(r"\['(.+)'\]|$", target)[1]
            if target == "api_version":
                out["apiVersion"] = constant(value, r"\d{4}-\d\d-\d\d")
            elif target == "_url" and "path" not in out:
                out["path"] = constant(value, "/")
            elif target == "path_format_arguments":
                for key, call in zip(value.keys, value.values):
                    out["parameters"][key.value] = parameter(call, location="path", required=True)
                    # What is not quoted may have slashes: several segments.
                    if any(word.arg == "skip_quote" for word in call.keywords):
                        out["path"] = out["path"].replace(f"{{{key.value}}}", f"{{+{key.value}}}")
            elif target.startswith("_params[") and name != "api-version":
                out["parameters"][name] = parameter(value, location="query", **required)
            elif target.startswith("_headers["):
                out["sets" if name in ("Accept", "Content-Type") else "headers"].append(name)

        walk(function.body, {"required": True})
        out["headers"].sort()
        return out

    def named(self, name):
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name] = self.model(name)
        return {"$ref": name}

    def model(self, name):
        kind = getattr(self.models, name)
        assert not getattr(kind, "__mapping__", None) and not getattr(kind, "_subtype_map", None), f"{name} is one of several"
        fields = self.fields_of_old(kind) if hasattr(kind, "_attribute_map") else self.fields_of_new(kind)
        referred_to = name in REFERRED_TO.get(self.name, ())
        return {"properties": {wire: schema() for wire, schema in fields if not referred_to or wire in OF_ANY}, "type": "object"}

    def fields_of_new(self, kind):
        """Of a model whose fields know where they are visible."""
        kind.__new__(kind)
        hints = typing.get_type_hints(kind, {**vars(importlib.import_module(kind.__module__)), "_models": self.models})
        for name, field in kind._attr_to_rest_field.items():
            yield field._rest_name, functools.partial(self.field, hints[name], field._visibility == ["read"], field._format)

    def field(self, hint, output, format):
        of = typing.get_args(hint)
        assert format in (None, "rfc3339"), format
        if type(None) in of:
            hint = typing.Union[tuple(one for one in of if one is not type(None))]
            more = {}
        else:
            more = {"required": True}
        return {**self.type(hint), **({"output": True} if output else more)}

    def type(self, hint):
        of = typing.get_args(hint)
        origin = typing.get_origin(hint)
        if hint in PLAIN:
            return dict(PLAIN[hint])
        if origin in (list, dict):
            below = {"items": self.type(of[0])} if origin is list else {"additionalProperties": self.type(of[1])}
            return {**below, "type": "array" if origin is list else "object"}
        if origin is typing.Literal:
            return {"enum": sorted(of), "type": "string"}
        if origin is typing.Union and of[0] is str and issubclass(of[1], enum.Enum) and len(of) == 2:
            return values(of[1])
        assert isinstance(hint, type) and hint.__module__.startswith(self.package), f"not known what {hint} is"
        return self.named(hint.__name__)

    def fields_of_old(self, kind):
        """Of a model that has its fields in two tables, and its enums in the words alone."""
        for name, field in kind._attribute_map.items():
            found = re.search(rf":vartype {name}: str or\s+~{self.package}\.models\.(\w+)", kind.__doc__)
            yield field["key"], functools.partial(self.field_of_old, field["type"], kind._validation.get(name, {}), found and found[1])

    def field_of_old(self, type, rules, words):
        assert set(rules) <= {"minimum", "readonly", "required"}, rules
        schema = values(getattr(self.models, words)) if words else self.type_of_old(type)
        if rules.get("readonly"):
            return {**schema, "output": True}
        return {**schema, **{rule: value if rule == "required" else str(value) for rule, value in rules.items() if rule != "readonly"}}

    def type_of_old(self, type):
        if type in PLAIN:
            return dict(PLAIN[type])
        if type[0] in "[{":
            return {"items": self.type_of_old(type[1:-1]), "type": "array"} if type[0] == "[" else {"additionalProperties": self.type_of_old(type[1:-1]), "type": "object"}
        return self.named(type)


def main():
    reductions = {}
    for name, methods in METHODS.items():
        assert methods == sorted(set(methods)), "the methods are to be in order, each once"
        client = Client(name)
        reductions[FAKES / f"{name}.json"] = {
            "from": client.wheel(),
            "methods": {id: client.method(id) for id in methods},
            "schemas": client.schemas,
        }
    reduction.run(__doc__, "Microsoft's", reductions)


main()
