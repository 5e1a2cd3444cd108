"""What an image can be told: to be in another region too. And the transfer to another account: there is none."""

from __future__ import annotations

from localcloud.api import actions, views
from localcloud.api.call import Answer, Call, Route
from localcloud.api.images import image_of
from localcloud.state.model import Action, Image
from localcloud.wire import ApiError, forbidden, not_found, unprocessable

TYPES = ("transfer", "convert")


def act(call: Call) -> Answer:
    row, type = image_of(call), call.body.choice("type", TYPES)
    if row.slug:
        raise forbidden()
    if any(a.status == "in-progress" for a in actions.of(call, "image", resource=row.key)):
        raise unprocessable("The image already has a pending event.")
    if type == "convert":
        raise unprocessable("Only a backup can be converted to a snapshot, and the image is none.")
    return call.one("action", _transfer(call, row), views.action, 201)


def _transfer(call: Call, row: Image) -> Action:
    region = call.region("region is invalid")
    if row.is_in(region):
        raise unprocessable("The image is available in that region already.")
    action = actions.begin(call.tx, "transfer", "image", row.id, region)
    call.tx.enqueue("image.transfer", f"image:{row.id}", action_id=action.id, image=row.id, region=region)
    return action


def _actions(call: Call) -> list[Action]:
    return actions.of(call, "image", resource=image_of(call).key)


def offer(call: Call) -> Answer:
    row = image_of(call)
    if row.slug:
        raise forbidden()
    if not (call.body.optional_text("recipient_email") or call.body.optional_text("recipient_uuid")):
        raise ApiError(400, "bad_request", "recipient_email or recipient_uuid can't be blank")
    raise ApiError(400, "bad_request", "the recipient does not exist: the local cloud has one account")


def answer_offer(call: Call) -> Answer:
    """Nobody ever offered anything."""
    raise not_found()


ROOT = "/v2/images/{image_id}"
ROUTES: list[Route] = [
    ("GET", ROOT + "/actions", lambda call: actions.listing(call, _actions(call))),
    ("POST", ROOT + "/actions", act),
    ("GET", ROOT + "/actions/{action_id}", lambda call: actions.one_of(call, _actions(call))),
    ("POST", ROOT + "/account_transfer", offer),
    *(("POST", f"{ROOT}/account_transfer/{verb}", answer_offer) for verb in ("accept", "cancel", "decline")),
]
