"""What there is in an account, as JSON, by a client that is not ours: boto3, with the environment's credentials."""

import json
import os

import boto3


def client(service):
    return boto3.client(service, region_name="us-east-1", endpoint_url=os.environ["IMMUTABLE_MOTO_ENDPOINT"])


ec2, elb, asg = client("ec2"), client("elbv2"), client("autoscaling")


def tags(thing):
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", [])}


instances = [one for page in ec2.describe_instances()["Reservations"] for one in page["Instances"] if one["State"]["Name"] != "terminated"]
weights, healthy = {}, {}
for balancer in elb.describe_load_balancers()["LoadBalancers"]:
    for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
        for action in listener["DefaultActions"]:
            weights |= {one["TargetGroupArn"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}
for arn in weights:
    targets = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    healthy[arn] = sorted(one["Target"]["Id"] for one in targets if one["TargetHealth"]["State"] == "healthy")
print(json.dumps({
    "instances": sorted(one["InstanceId"] for one in instances),
    "images": sorted({one["ImageId"] for one in instances}),
    "fleets": sorted({tags(one).get("immutable:fleet", "nobody's") for one in instances}),
    "groups": [
        {
            "size": one["DesiredCapacity"],
            "members": sorted(member["InstanceId"] for member in one["Instances"]),
            "target_groups": one["TargetGroupARNs"],
            "template": one["LaunchTemplate"]["LaunchTemplateId"],
        }
        for one in asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    ],
    "templates": [one["LaunchTemplateId"] for one in ec2.describe_launch_templates()["LaunchTemplates"]],
    "weights": weights,
    "healthy": healthy,
}))
