"""Drives the fake of Compute Engine by Google's own two clients: the typed one, google-cloud-compute, and the one that reads the discovery document.

    ./tests/with-google tests/gce/drive.py target/debug/fake-gce

What they see is to be what Compute Engine would show, and what the typed one reads is to be of Google's own message types: its parser, which overlooks
what it does not know, is told to overlook nothing.
"""

import json
import os
import re
import subprocess
import sys
import time
import uuid
import zipfile

import httplib2
import requests
from google.api_core import exceptions
from google.api_core.future.polling import DEFAULT_POLLING
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1 as gce
from google.protobuf import json_format
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest

PROJECT, REGION, ZONE = "shop", "europe-west1", "europe-west1-b"
WHEEL = "google_api_python_client-2.202.0-py3-none-any.whl"
DOCUMENT = "googleapiclient/discovery_cache/documents/compute.v1.json"
OPERATIONS = {
    "global_operations": "GlobalOperationsClient",
    "region_operations": "RegionOperationsClient",
    "zone_operations": "ZoneOperationsClient",
}
calls = 0


def same(seen, right, what):
    assert seen == right, f"{what}: {seen!r} is seen, and {right!r} would be right"


def until(what, seconds, look):
    """Looks until it is so."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not in {seconds} s: {what}"
        time.sleep(0.2)
    return found


def refused(kind, words, call):
    """A call that is answered by an error of this kind that says so, be it at once or by its operation."""
    try:
        call()
    except kind as error:
        # Of an operation that failed the words are in its errors, and its message is that of the status.
        assert words in f"{error} {error.errors}", f"{words!r} is to be in {error} {error.errors}"
    else:
        raise AssertionError(f"was done, and {kind.__name__} with {words!r} would be right")


def strictly(parse):
    def overlooking_nothing(text, message, **options):
        return parse(text, message, **{**options, "ignore_unknown_fields": False})

    return overlooking_nothing


def counted(send):
    def counting(*args, **kwargs):
        global calls
        calls += 1
        return send(*args, **kwargs)

    return counting


def checked(document):
    """The requests of the client that reads the document, which takes any answer: each is to be of the typed client's messages as well."""

    def answers(resource):
        for method in resource.get("methods", {}).values():
            yield method["id"], method.get("response", {}).get("$ref")
        for below in resource.get("resources", {}).values():
            yield from answers(below)

    names = dict(answers(document))

    class Checked(HttpRequest):
        def execute(self, *args, **kwargs):
            answer = super().execute(*args, **kwargs)
            json_format.Parse(json.dumps(answer), getattr(gce, names[self.methodId]).pb()())
            return answer

    return Checked


def done(operation):
    """Awaits it as Google's client does, but with less patience between two looks."""
    operation.result(timeout=60, polling=DEFAULT_POLLING.with_delay(initial=0.3, maximum=0.5))
    same(operation.done(), True, "the operation")
    return operation


def template(name, image):
    disk = {"boot": True, "auto_delete": True, "initialize_params": {"source_image": image, "disk_size_gb": 10}}
    interface = {"network": f"projects/{PROJECT}/global/networks/default"}
    return gce.InstanceTemplate(
        name=name,
        properties={"machine_type": "e2-small", "disks": [disk], "network_interfaces": [interface], "labels": {"made-by": "drive"}},
    )


def group(name, of):
    return gce.InstanceGroupManager(
        name=name,
        base_instance_name=name,
        target_size=0,
        versions=[{"instance_template": of}],
        update_policy={
            "type_": "OPPORTUNISTIC",
            "minimal_action": "REPLACE",
            "replacement_method": "SUBSTITUTE",
            "instance_redistribution_type": "NONE",
        },
        instance_lifecycle_policy={"default_action_on_failure": "DO_NOTHING"},
        list_managed_instances_results="PAGINATED",
    )


class Typed:
    """google-cloud-compute, on this machine."""

    def __init__(self, endpoint):
        self.options = {"credentials": AnonymousCredentials(), "client_options": {"api_endpoint": endpoint}, "transport": "rest"}

    def __getattr__(self, name):
        made = getattr(gce, name)(**self.options)
        if name not in OPERATIONS.values():
            # A client makes that of its operations for itself, and forgets the endpoint over it: unless it has one already.
            made.transport._extended_operations_services.update((place, getattr(self, one)) for place, one in OPERATIONS.items())
        setattr(self, name, made)
        return made


def a_regional_group(google, image):
    """A group is made empty, raised, lowered by one that is named, and deleted."""
    place = {"project": PROJECT, "region": REGION}
    done(google.RegionInstanceTemplatesClient.insert(**place, instance_template_resource=template("web-1", image)))
    made = google.RegionInstanceTemplatesClient.get(**place, instance_template="web-1")
    same(made.properties.machine_type, "e2-small", "the template's machine type")
    assert made.properties.disks[0].initialize_params.source_image.endswith(image), made.properties.disks[0]
    assert made.id and made.self_link.endswith(f"projects/{PROJECT}/regions/{REGION}/instanceTemplates/web-1"), made.self_link

    groups, this = google.RegionInstanceGroupManagersClient, {**place, "instance_group_manager": "web-0001-0"}
    operation = done(groups.insert(**place, instance_group_manager_resource=group("web-0001-0", made.self_link)))
    same(operation.operation_type, "insert", "the operation's type")
    there = groups.get(**this)
    same((there.target_size, there.status.is_stable, there.status.version_target.is_reached), (0, True, True), "the new group")
    same(str(operation.target_id), str(there.id), "whom the operation was for")
    refused(exceptions.Conflict, "already exists", lambda: done(groups.insert(**place, instance_group_manager_resource=group("web-0001-0", made.self_link))))

    token = str(uuid.uuid4())
    resize = gce.ResizeRegionInstanceGroupManagerRequest(**this, size=3, request_id=token)
    first = groups.resize(resize)
    again = groups.resize(resize)
    same((first.name, first.client_operation_id), (again.name, token), "the same token again")
    done(first)

    def members():
        return list(groups.list_managed_instances(**this))

    def settled():
        seen = groups.get(**this)
        return seen if seen.status.is_stable and all(one.current_action == "NONE" for one in members()) else None

    seen = until("three members run", 60, settled)
    same((seen.target_size, seen.current_actions.none), (3, 3), "the group of three")
    three = members()
    same(len({one.id for one in three} - {0}), 3, "how many ids there are")
    same({one.instance_status for one in three}, {"RUNNING"}, "what they do")
    same({one.version.instance_template for one in three}, {made.self_link}, "what they are of")
    same(len({re.search("/zones/([^/]+)/", one.instance)[1] for one in three}), 3, "how many zones they are in")
    assert all(re.fullmatch("web-0001-0-[a-z0-9]{4}", one.name) and one.instance.endswith(one.name) for one in three), three

    # One a page, as a group that is PAGINATED has it.
    page = groups.list_managed_instances(gce.ListManagedInstancesRegionInstanceGroupManagersRequest(**this, max_results=1))
    same([len(one.managed_instances) for one in page.pages if one.managed_instances], [1, 1, 1], "the pages")

    leaves = three[1]
    named = gce.RegionInstanceGroupManagersDeleteInstancesRequest(instances=[leaves.instance])
    done(groups.delete_instances(**this, region_instance_group_managers_delete_instances_request_resource=named))
    until("one has left", 60, lambda: len(members()) == 2 and settled())
    same({one.id for one in members()}, {one.id for one in three} - {leaves.id}, "who stays")
    same(groups.get(**this).target_size, 2, "the size without who was deleted")
    stranger = gce.RegionInstanceGroupManagersDeleteInstancesRequest(instances=[leaves.instance])
    refused(
        exceptions.BadRequest,
        leaves.name,
        lambda: done(groups.delete_instances(**this, region_instance_group_managers_delete_instances_request_resource=stranger)),
    )

    scopes = dict(google.InstanceGroupManagersClient.aggregated_list(project=PROJECT))
    same([one.name for one in scopes[f"regions/{REGION}"].instance_group_managers], ["web-0001-0"], "the groups of the region")
    templates = google.RegionInstanceTemplatesClient
    refused(exceptions.GoogleAPICallError, "already being used by", lambda: done(templates.delete(**place, instance_template="web-1")))
    done(groups.delete(**this))
    refused(exceptions.NotFound, "web-0001-0", lambda: groups.get(**this))
    done(templates.delete(**place, instance_template="web-1"))
    refused(exceptions.NotFound, "web-1", lambda: templates.get(**place, instance_template="web-1"))


def images(google, image):
    """A family is its newest image that is not deprecated; an image enters it when somebody says so."""
    client, name = google.ImagesClient, image.rsplit("/", 1)[1]
    same(client.get_from_family(project=PROJECT, family="web").name, name, "the family at first")
    done(client.insert(project=PROJECT, image_resource=gce.Image(name="web-2", source_image=image, labels={"version": "2"})))
    made = until("the image is ready", 60, lambda: (seen := client.get(project=PROJECT, image="web-2")).status == "READY" and seen)
    assert made.source_image.endswith(image), made.source_image
    same(client.get_from_family(project=PROJECT, family="web").name, name, "the family before the new one is in it")
    done(client.patch(project=PROJECT, image="web-2", image_resource=gce.Image(family="web")))
    same(client.get_from_family(project=PROJECT, family="web").name, "web-2", "the family with the new one in it")
    for state, head in [("DEPRECATED", name), ("ACTIVE", "web-2")]:
        done(client.deprecate(project=PROJECT, image="web-2", deprecation_status_resource=gce.DeprecationStatus(state=state)))
        same(client.get_from_family(project=PROJECT, family="web").name, head, f"the family with the new one {state}")
    same({name, "web-2"} - {one.name for one in client.list(project=PROJECT)}, set(), "who is not listed")
    done(client.delete(project=PROJECT, image="web-2"))
    refused(exceptions.NotFound, "web-2", lambda: client.get(project=PROJECT, image="web-2"))


def traffic(google):
    """Weights are set by the whole of a url map, by the fingerprint of what was read."""
    services, maps = google.BackendServicesClient, google.UrlMapsClient
    for name in ("slot-a", "slot-b"):
        done(services.insert(project=PROJECT, backend_service_resource=gce.BackendService(name=name, protocol="HTTP")))
    links = [services.get(project=PROJECT, backend_service=name).self_link for name in ("slot-a", "slot-b")]
    assert all(links), links

    def action(a, b):
        weighted = [{"backend_service": link, "weight": weight} for link, weight in zip(links, (a, b)) if weight]
        return gce.HttpRouteAction(weighted_backend_services=weighted)

    done(maps.insert(project=PROJECT, url_map_resource=gce.UrlMap(name="front", default_route_action=action(100, 0))))
    seen = maps.get(project=PROJECT, url_map="front")
    old = seen.fingerprint
    change = gce.UrlMap(name="front", description="op 1", default_route_action=action(90, 10), fingerprint=old)
    done(maps.update(project=PROJECT, url_map="front", url_map_resource=change))
    seen = maps.get(project=PROJECT, url_map="front")
    weights = {one.backend_service: one.weight for one in seen.default_route_action.weighted_backend_services}
    same((weights, seen.description), (dict(zip(links, (90, 10))), "op 1"), "the weights")
    assert seen.fingerprint and seen.fingerprint != old, seen.fingerprint
    refused(exceptions.PreconditionFailed, "ingerprint", lambda: done(maps.update(project=PROJECT, url_map="front", url_map_resource=change)))
    same(maps.get(project=PROJECT, url_map="front").fingerprint, seen.fingerprint, "the fingerprint after what was refused")
    refused(exceptions.GoogleAPICallError, "slot-a", lambda: done(services.delete(project=PROJECT, backend_service="slot-a")))
    done(maps.delete(project=PROJECT, url_map="front"))
    for name in ("slot-a", "slot-b"):
        done(services.delete(project=PROJECT, backend_service=name))


def a_zonal_group(google, image):
    """The same life by the client that knows of Compute Engine only what the discovery document says."""
    where = {"project": PROJECT, "zone": ZONE}

    def complete(operation, operations, **place):
        # `wait` is best effort, and may come back before it is done.
        end = time.monotonic() + 60
        while operation["status"] != "DONE":
            assert time.monotonic() < end, operation
            operation = operations.wait(project=PROJECT, operation=operation["name"], **place).execute()
        assert "error" not in operation, operation
        return operation

    def in_zone(request):
        return complete(request.execute(), google.zoneOperations(), zone=ZONE)

    body = {
        "name": "web-2",
        "properties": {
            "machineType": "e2-small",
            "disks": [{"boot": True, "initializeParams": {"sourceImage": image, "diskSizeGb": "10"}}],
            "networkInterfaces": [{"network": f"projects/{PROJECT}/global/networks/default"}],
        },
    }
    complete(google.instanceTemplates().insert(project=PROJECT, body=body).execute(), google.globalOperations())
    link = google.instanceTemplates().get(project=PROJECT, instanceTemplate="web-2").execute()["selfLink"]

    groups, this = google.instanceGroupManagers(), {**where, "instanceGroupManager": "web-0002-0"}
    made = {
        "name": "web-0002-0",
        "baseInstanceName": "web-0002-0",
        "targetSize": 0,
        "versions": [{"instanceTemplate": link}],
        "updatePolicy": {"type": "OPPORTUNISTIC", "minimalAction": "REPLACE", "replacementMethod": "SUBSTITUTE"},
        "listManagedInstancesResults": "PAGINATED",
    }
    in_zone(groups.insert(**where, body=made, requestId=str(uuid.uuid4())))
    in_zone(groups.resize(**this, size=2, requestId=str(uuid.uuid4())))

    def members():
        found, request = [], groups.listManagedInstances(**this, maxResults=1)
        while request:
            page = request.execute()
            found += page.get("managedInstances", [])
            request = groups.listManagedInstances_next(request, page)
        return found

    def settled():
        seen = groups.get(**this).execute()
        still = all(one["currentAction"] == "NONE" for one in members())
        return still and seen["status"]["isStable"] and seen["status"]["versionTarget"]["isReached"]

    until("two members run", 60, settled)
    two = members()
    same([one["instanceStatus"] for one in two], ["RUNNING"] * 2, "what they do")
    same({re.search("/zones/([^/]+)/", one["instance"])[1] for one in two}, {ZONE}, "where they are")
    in_zone(groups.deleteInstances(**this, body={"instances": [two[0]["instance"]]}, requestId=str(uuid.uuid4())))
    until("one has left", 60, lambda: len(members()) == 1 and settled())
    same([one["id"] for one in members()], [two[1]["id"]], "who stays")
    same(groups.get(**this).execute()["targetSize"], 1, "the size without who was deleted")
    same(groups.listErrors(**this).execute().get("items", []), [], "the errors")
    in_zone(groups.delete(**this, requestId=str(uuid.uuid4())))
    try:
        groups.get(**this).execute()
    except HttpError as error:
        same((error.status_code, error.error_details[0]["reason"]), (404, "notFound"), "the error of what is gone")
    else:
        raise AssertionError("what was deleted is there")
    complete(google.instanceTemplates().delete(project=PROJECT, instanceTemplate="web-2").execute(), google.globalOperations())


def main():
    json_format.Parse = strictly(json_format.Parse)
    requests.Session.send = counted(requests.Session.send)
    httplib2.Http.request = counted(httplib2.Http.request)
    document = json.loads(zipfile.ZipFile(os.path.join(os.environ["IMMUTABLE_WHEELS"], WHEEL)).read(DOCUMENT))
    image = f"projects/{PROJECT}/global/images/web-1"
    command = [*sys.argv[1:], "--port", "0", "--project", PROJECT, "--region", REGION, "--image", "web-1:web", "--boot", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as fake:
        try:
            endpoint = fake.stdout.readline().strip().split()[-1]
            typed = Typed(endpoint)
            here = {**document, "rootUrl": f"{endpoint}/", "mtlsRootUrl": f"{endpoint}/"}
            read = build_from_document(here, http=httplib2.Http(), requestBuilder=checked(document))
            a_regional_group(typed, image)
            images(typed, image)
            traffic(typed)
            a_zonal_group(read, image)
        finally:
            fake.terminate()
    print(f"ok: {calls} calls")


main()
