"""Moto's server, with two things mended that make it answer otherwise from run to run, so that what fails over it could not be listed."""

import sys
import threading

from moto import server
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import InstanceBackend


class OneAtATime(server.DomainDispatcherApplication):
    """Of two of Amazon's calls on one resource each is whole; moto's threads meet in the middle of both."""

    turn = threading.Lock()

    def __call__(self, environ, start_response):
        with self.turn:
            return super().__call__(environ, start_response)


def once(launch):
    """A token launches once. EC2 API, "Ensuring idempotency in Amazon EC2 API requests"; moto notes the token and launches again."""

    def run_instances(self, *args, client_token=None, **kwargs):
        for known in self.reservations.values():
            # What moto itself puts where a request has none.
            if client_token not in (None, "ABCDE") and any(one.client_token == client_token for one in known.instances):
                if any(one.state == "terminated" for one in known.instances):
                    raise EC2ClientError("IdempotentInstanceTerminated", "The token's instances have been terminated.")
                return known
        return launch(self, *args, client_token=client_token, **kwargs)

    return run_instances


InstanceBackend.run_instances = once(InstanceBackend.run_instances)
server.DomainDispatcherApplication = OneAtATime
server.main(sys.argv[1:])
