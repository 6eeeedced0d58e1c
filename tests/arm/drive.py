"""Drives the fake of Azure Resource Manager by Microsoft's own clients: of compute, network, Traffic Manager, Azure Monitor, and of identities.

    ./tests/with-microsoft tests/arm/drive.py target/debug/fake-arm

What they see is to be what Azure would show; their own pollers follow what is long-running, over TLS, with a token that the fake gave. Whatever the
fake's judge had to say of a call or of an answer, it tells, and nothing is to be said.
"""

import datetime
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time

import requests
from azure.core import MatchConditions
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute import models as compute
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network import models as network
from azure.mgmt.trafficmanager import TrafficManagerManagementClient
from azure.mgmt.trafficmanager import models as traffic

SUBSCRIPTION, GROUP, LOCATION = "00000000-0000-0000-0000-000000000001", "acme", "westeurope"
# How long machines of the fake boot and its DNS answers live, in seconds.
BOOT = 1
SCOPE = "https://management.azure.com/.default"
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
        assert words in str(error), f"{words!r} is to be in {error}"
        return error
    raise AssertionError(f"was done, and {kind.__name__} with {words!r} would be right")


def counted(send):
    def counting(*args, **kwargs):
        global calls
        calls += 1
        return send(*args, **kwargs)

    return counting


def id(provider, *names):
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{provider}/" + "/".join(names)


class Azure:
    def __init__(self, endpoint, ca, tenant, client, secret):
        def credential(secret):
            return ClientSecretCredential(tenant, client, secret, authority=endpoint, disable_instance_discovery=True, connection_verify=ca)

        refused(ClientAuthenticationError, "AADSTS7000215", lambda: credential("guessed").get_token(SCOPE))
        options = {"base_url": endpoint, "connection_verify": ca, "credential_scopes": [SCOPE], "polling_interval": 1}
        self.compute, self.network, self.traffic, self.monitor = (
            client(credential(secret), SUBSCRIPTION, **options)
            for client in (ComputeManagementClient, NetworkManagementClient, TrafficManagerManagementClient, MonitorManagementClient)
        )


def done(poller):
    """Awaits it as Microsoft's client does."""
    result = poller.result(60)
    same((poller.done(), poller.status()), (True, "Succeeded"), "the operation")
    return result


def a_version(source, **profile):
    regions = [compute.TargetRegion(name=LOCATION, regional_replica_count=1)]
    storage = compute.GalleryImageVersionStorageProfile(source=compute.GalleryArtifactVersionFullSource(id=source))
    publishing = compute.GalleryImageVersionPublishingProfile(target_regions=regions, **profile)
    properties = compute.GalleryImageVersionProperties(publishing_profile=publishing, storage_profile=storage)
    return compute.GalleryImageVersion(location=LOCATION, properties=properties)


def replicated(versions, *names):
    """Where it says so: only if it is asked for it."""
    same(versions.get(GROUP, "images", *names).properties.replication_status, None, "the replication without $expand")

    def complete():
        seen = versions.get(GROUP, "images", *names, expand="ReplicationStatus").properties.replication_status
        states = [(one.region, one.state, one.progress) for one in seen.summary]
        return (seen.aggregated_state, states) if seen.aggregated_state != "InProgress" else None

    state, (region, *_) = until("it is replicated", 30, complete)
    same((state, region[0].lower().replace(" ", ""), *region[1:]), ("Completed", LOCATION, "Completed", 100), "the replication")


def images(azure):
    """A version is published, read, patched and deleted, and is never another than it was."""
    versions, golden = azure.compute.gallery_image_versions, id("Microsoft.Compute", "images", "golden")
    same(azure.compute.images.get(GROUP, "golden").properties.storage_profile.os_disk.os_state, "Generalized", "the managed image")
    assert "golden" in [one.name for one in azure.compute.images.list()]
    end = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    made = done(versions.begin_create_or_update(GROUP, "images", "web", "1.2.0", a_version(golden, exclude_from_latest=True, end_of_life_date=end)))
    same((made.name, made.properties.provisioning_state), ("1.2.0", "Succeeded"), "the new version")
    replicated(versions, "web", "1.2.0")
    seen = versions.get(GROUP, "images", "web", "1.2.0").properties
    same(seen.storage_profile.source.id.lower(), golden.lower(), "what it was made of")
    same((seen.publishing_profile.exclude_from_latest, seen.publishing_profile.end_of_life_date), (True, end), "how it was published")
    listed = versions.list_by_gallery_image(GROUP, "images", "web")
    same(sorted(one.name for one in listed), ["1.0.0", "1.1.0", "1.2.0"], "the versions")

    change = compute.GalleryImageVersionUpdate(
        properties=compute.GalleryImageVersionProperties(
            storage_profile=seen.storage_profile, publishing_profile=compute.GalleryImageVersionPublishingProfile(exclude_from_latest=False)
        )
    )
    changed = done(versions.begin_update(GROUP, "images", "web", "1.2.0", change))
    same(changed.properties.publishing_profile.exclude_from_latest, False, "what was patched")
    other = a_version(id("Microsoft.Compute", "images", "other"))
    refused(HttpResponseError, "PropertyChangeNotAllowed", lambda: done(versions.begin_create_or_update(GROUP, "images", "web", "1.2.0", other)))
    done(versions.begin_delete(GROUP, "images", "web", "1.2.0"))
    refused(ResourceNotFoundError, "NotFound", lambda: versions.get(GROUP, "images", "web", "1.2.0"))


def applications(azure):
    """A version of an application is published."""
    versions = azure.compute.gallery_application_versions
    source = compute.UserArtifactSource(media_link="https://acme.blob.core.windows.net/packages/web-app-1.2.0")
    actions = compute.UserArtifactManage(install="./web-app install", remove="./web-app remove")
    regions = [compute.TargetRegion(name=LOCATION, regional_replica_count=1)]
    profile = compute.GalleryApplicationVersionPublishingProfile(source=source, manage_actions=actions, target_regions=regions)
    version = compute.GalleryApplicationVersion(location=LOCATION, properties=compute.GalleryApplicationVersionProperties(publishing_profile=profile))
    made = done(versions.begin_create_or_update(GROUP, "images", "web-app", "1.2.0", version))
    same((made.name, made.properties.publishing_profile.source.media_link), ("1.2.0", source.media_link), "the application's version")
    replicated(versions, "web-app", "1.2.0")
    listed = versions.list_by_gallery_application(GROUP, "images", "web-app")
    same(sorted(one.name for one in listed), ["1.0.0", "1.1.0", "1.2.0"], "the application's versions")
    done(versions.begin_delete(GROUP, "images", "web-app", "1.2.0"))
    refused(ResourceNotFoundError, "NotFound", lambda: versions.get(GROUP, "images", "web-app", "1.2.0"))


def a_scale_set(image, pool):
    subnet = compute.ApiEntityReference(id=id("Microsoft.Network", "virtualNetworks", "net", "subnets", "web"))
    address = compute.VirtualMachineScaleSetIPConfiguration(
        name="ip",
        properties=compute.VirtualMachineScaleSetIPConfigurationProperties(
            subnet=subnet, load_balancer_backend_address_pools=[compute.SubResource(id=pool)]
        ),
    )
    interface = compute.VirtualMachineScaleSetNetworkConfiguration(
        name="nic", properties=compute.VirtualMachineScaleSetNetworkConfigurationProperties(primary=True, ip_configurations=[address])
    )
    health = compute.VirtualMachineScaleSetExtension(
        name="health",
        properties=compute.VirtualMachineScaleSetExtensionProperties(
            publisher="Microsoft.ManagedServices",
            type="ApplicationHealthLinux",
            type_handler_version="2.0",
            settings={"protocol": "http", "port": 80, "requestPath": "/alive"},
        ),
    )
    application = compute.VMGalleryApplication(
        package_reference_id=id("Microsoft.Compute", "galleries", "images", "applications", "web-app", "versions", "1.0.0"),
        enable_automatic_upgrade=False,
        treat_failure_as_deployment_failure=True,
    )
    profile = compute.VirtualMachineScaleSetVMProfile(
        os_profile=compute.VirtualMachineScaleSetOSProfile(computer_name_prefix="web", admin_username="deployer"),
        storage_profile=compute.VirtualMachineScaleSetStorageProfile(
            image_reference=compute.ImageReference(id=image),
            os_disk=compute.VirtualMachineScaleSetOSDisk(create_option="FromImage"),
        ),
        network_profile=compute.VirtualMachineScaleSetNetworkProfile(
            network_api_version="2022-11-01", network_interface_configurations=[interface]
        ),
        extension_profile=compute.VirtualMachineScaleSetExtensionProfile(extensions=[health]),
        application_profile=compute.ApplicationProfile(gallery_applications=[application]),
    )
    return compute.VirtualMachineScaleSet(
        location=LOCATION,
        tags={"made-by": "drive"},
        sku=compute.Sku(name="Standard_B2s", tier="Standard", capacity=0),
        zones=["1"],
        properties=compute.VirtualMachineScaleSetProperties(
            orchestration_mode="Flexible", platform_fault_domain_count=1, single_placement_group=False, virtual_machine_profile=profile
        ),
    )


def a_fleet(azure, pool):
    """A scale set is made empty, once, raised under its etag, lowered by one that is named, and deleted."""
    sets, image = azure.compute.virtual_machine_scale_sets, id("Microsoft.Compute", "galleries", "images", "images", "web", "versions", "1.0.0")
    missing = a_scale_set(image.replace("1.0.0", "9.9.9"), pool)
    refused(ResourceNotFoundError, "GalleryImageNotFound", lambda: done(sets.begin_create_or_update(GROUP, "web-0001-0", missing)))
    once = {"match_condition": MatchConditions.IfMissing}
    made = done(sets.begin_create_or_update(GROUP, "web-0001-0", a_scale_set(image, pool), **once))
    same((made.sku.capacity, made.properties.provisioning_state, made.tags["made-by"]), (0, "Succeeded", "drive"), "the new scale set")
    refused(ResourceExistsError, "PreconditionFailed", lambda: sets.begin_create_or_update(GROUP, "web-0001-0", a_scale_set(image, pool), **once))
    assert "web-0001-0" in [one.name for one in sets.list(GROUP)]

    raised = compute.VirtualMachineScaleSetUpdate(sku=compute.Sku(capacity=2))
    of = {"etag": made.etag, "match_condition": MatchConditions.IfNotModified}
    seen = done(sets.begin_update(GROUP, "web-0001-0", raised, **of))
    same(seen.sku.capacity, 2, "the capacity that was asked for")
    assert seen.etag != made.etag, made.etag
    refused(ResourceModifiedError, "PreconditionFailed", lambda: sets.begin_update(GROUP, "web-0001-0", raised, **of))

    def members():
        filter = f"'virtualMachineScaleSet/id' eq '{made.id}'"
        return list(azure.compute.virtual_machines.list(GROUP, filter=filter, expand="instanceView"))

    def healthy():
        seen = members()
        states = [one.properties.instance_view.vm_health.status.code for one in seen if one.properties.instance_view.vm_health]
        return seen if states == ["HealthState/healthy"] * 2 else None

    two = until("two machines are healthy", 60, healthy)
    same(len({one.properties.vm_id for one in two}), 2, "how many ids there are")
    for one in two:
        same(one.properties.storage_profile.image_reference.id.lower(), image.lower(), "what it is of")
        assert "PowerState/running" in [status.code for status in one.properties.instance_view.statuses], one
        assert one.name.startswith("web-0001-0_") and one.zones == ["1"], one
        same(len(one.properties.application_profile.gallery_applications), 1, "its applications")

    leaves, stays = two
    named = compute.VirtualMachineScaleSetVMInstanceRequiredIDs(instance_ids=[leaves.name])
    done(sets.begin_delete_instances(GROUP, "web-0001-0", named))
    same([one.properties.vm_id for one in members()], [stays.properties.vm_id], "who stays")
    same(sets.get(GROUP, "web-0001-0").sku.capacity, 1, "the capacity without who was deleted")
    done(sets.begin_delete(GROUP, "web-0001-0"))
    refused(ResourceNotFoundError, "ResourceNotFound", lambda: sets.get(GROUP, "web-0001-0"))
    same(members(), [], "who is left")


def somebodys(azure):
    """A Uniform scale set of others: its tags are replaced as a whole, its machines are in its own list, and one goes by its number."""
    sets, vms = azure.compute.virtual_machine_scale_sets, azure.compute.virtual_machine_scale_set_vms
    legacy = sets.get(GROUP, "legacy")
    same((legacy.properties.orchestration_mode, legacy.properties.upgrade_policy.mode, legacy.sku.capacity), ("Uniform", "Manual", 2), "the scale set")

    def members():
        return list(vms.list(GROUP, "legacy", expand="instanceView"))

    def running():
        seen = members()
        return seen if [one.properties.instance_view.statuses[1].code for one in seen] == ["PowerState/running"] * 2 else None

    two = until("two machines run", 60, running)
    same([(one.instance_id, one.name) for one in two], [("0", "legacy_0"), ("1", "legacy_1")], "how they are called")
    for one in two:
        same((one.properties.storage_profile.image_reference.id.lower(), one.properties.latest_model_applied), (id("Microsoft.Compute", "images", "golden").lower(), True), "what it is of")
    marks = {"team": "shop", "immutable-adopted": "legacy"}
    change = compute.VirtualMachineScaleSetUpdate(
        tags=marks, properties=compute.VirtualMachineScaleSetUpdateProperties(overprovision=False, automatic_repairs_policy=compute.AutomaticRepairsPolicy(enabled=False))
    )
    seen = done(sets.begin_update(GROUP, "legacy", change, etag=sets.get(GROUP, "legacy").etag, match_condition=MatchConditions.IfNotModified))
    same((seen.tags, seen.properties.overprovision, seen.sku.capacity), (marks, False, 2), "what was marked")
    same([one.properties.vm_id for one in members()], [one.properties.vm_id for one in two], "its machines")
    done(sets.begin_delete_instances(GROUP, "legacy", compute.VirtualMachineScaleSetVMInstanceRequiredIDs(instance_ids=["0"])))
    same([one.instance_id for one in members()], ["1"], "who stays")
    same(sets.get(GROUP, "legacy").sku.capacity, 1, "the capacity without who was deleted")


def a_flip(azure):
    """A rule of a load balancer is sent to another pool, under the balancer's etag."""
    balancers, pools = azure.network.load_balancers, azure.network.load_balancer_backend_address_pools
    for name in ("web-0001", "web-0002"):
        same(done(pools.begin_create_or_update(GROUP, "front", name, network.BackendAddressPool(name=name))).name, name, "the pool")
    for name in ("web-0001", "web-0002"):
        front = balancers.get(GROUP, "front")
        pool = network.SubResource(id=pools.get(GROUP, "front", name).id)
        (rule,) = (one for one in front.properties.load_balancing_rules if one.name == "blue")
        rule.properties.backend_address_pool, rule.properties.backend_address_pools = pool, [pool]
        front.tags = {"serves": name}
        condition = {"headers": {"If-Match": front.etag}}
        seen = done(balancers.begin_create_or_update(GROUP, "front", front, **condition))
        (rule,) = (one for one in seen.properties.load_balancing_rules if one.name == "blue")
        same([one.id.lower() for one in rule.properties.backend_address_pools], [pool.id.lower()], "where the rule sends")
        same((seen.tags, seen.properties.provisioning_state), ({"serves": name}, "Succeeded"), "the load balancer")
        assert seen.etag != front.etag, front.etag
        refused(HttpResponseError, "PreconditionFailed", lambda: done(balancers.begin_create_or_update(GROUP, "front", front, **condition)))
    health = done(azure.network.load_balancer_load_balancing_rules.begin_health(GROUP, "front", "blue"))
    same((health.up, health.down, list(health.load_balancer_backend_addresses or [])), (0, 0, []), "the health of a pool without members")
    refused(HttpResponseError, "InvalidResourceReference", lambda: done(pools.begin_delete(GROUP, "front", "web-0002")))
    return pools.get(GROUP, "front", "web-0001").id


def weights(azure):
    """Answers of a profile are divided anew."""
    profiles, kind = azure.traffic.profiles, "azureEndpoints"
    seen = profiles.get(GROUP, "web")
    same((seen.properties.traffic_routing_method, seen.properties.dns_config.ttl), ("Weighted", BOOT), "the profile")
    for endpoint in seen.properties.endpoints:
        endpoint.properties.endpoint_status = "Enabled"
        endpoint.properties.weight = 900 if endpoint.name == "blue" else 100
    change = traffic.Profile(properties=traffic.ProfileProperties(endpoints=seen.properties.endpoints))

    def shares(profile):
        return {one.name: (one.properties.endpoint_status, one.properties.weight) for one in profile.properties.endpoints}

    same(shares(profiles.update(GROUP, "web", change)), {"blue": ("Enabled", 900), "green": ("Enabled", 100)}, "the new weights")
    off = traffic.Endpoint(properties=traffic.EndpointProperties(endpoint_status="Disabled"))
    same(azure.traffic.endpoints.update(GROUP, "web", kind, "green", off).properties.endpoint_status, "Disabled", "the endpoint")
    same(shares(profiles.get(GROUP, "web"))["green"], ("Disabled", 100), "the endpoint in the profile")
    heavy = traffic.Endpoint(properties=traffic.EndpointProperties(weight=1001))
    refused(HttpResponseError, "1000", lambda: azure.traffic.endpoints.update(GROUP, "web", kind, "green", heavy))


def metrics(azure):
    """A metric has a point for each minute, and one that is not known is refused."""
    front = id("Microsoft.Network", "loadBalancers", "front")[1:]
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    span = "/".join((now - datetime.timedelta(minutes=age)).strftime("%Y-%m-%dT%H:%M:%SZ") for age in (10, 0))
    asked = {"timespan": span, "interval": "PT1M", "aggregation": "Total"}
    (metric,) = azure.monitor.metrics.list(front, metricnames="ByteCount", **asked).value
    same((metric.name.value, metric.unit), ("ByteCount", "Bytes"), "the metric")
    (series,) = metric.timeseries
    same([one.total for one in series.data], [1000.0] * 10, "the points")
    refused(HttpResponseError, "BadRequest", lambda: azure.monitor.metrics.list(front, metricnames="Applause", **asked))


def market(azure):
    """What the location offers."""
    sizes = {one.name for one in azure.compute.resource_skus.list(filter=f"location eq '{LOCATION}'") if one.resource_type == "virtualMachines"}
    assert "Standard_B2s" in sizes, sizes
    cores = {one.name.value: one for one in azure.compute.usage.list(LOCATION)}["cores"]
    assert cores.limit > cores.current_value >= 0, cores


def main():
    requests.Session.send = counted(requests.Session.send)
    # Of a secret that is wrong on purpose nobody need be warned.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    said = []
    with tempfile.TemporaryDirectory() as folder:
        ca = os.path.join(folder, "ca.pem")
        command = [*sys.argv[1:], "--port", "0", "--subscription", SUBSCRIPTION, "--group", GROUP, "--location", LOCATION, "--boot", str(BOOT), "--ca", ca]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fake:
            listener = threading.Thread(target=lambda: said.extend(fake.stderr))
            listener.start()
            try:
                endpoint = fake.stdout.readline().strip()
                _, tenant, _, client, _, secret = fake.stdout.readline().split()
                azure = Azure(endpoint, ca, tenant, client, secret)
                market(azure)
                images(azure)
                applications(azure)
                pool = a_flip(azure)
                a_fleet(azure, pool)
                somebodys(azure)
                weights(azure)
                metrics(azure)
                time.sleep(0.5)
            finally:
                fake.terminate()
                listener.join()
                sys.stderr.writelines(said)
    same(said, [], "what the judge said")
    print(f"ok: {calls} calls")


main()
