"""Block storage."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bootstrap.adapters.digitalocean import convert
from bootstrap.adapters.digitalocean.resources import Resources
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.ports.cloud import Volume, VolumeSnapshot

ACTION_S = 120


class VolumeResources(Resources):
    def volumes(self, region: str | None = None, name: str | None = None, tag: str | None = None) -> list[Volume]:
        if tag is None:
            return self._listed_volumes(region, name)
        found = self._whole(tag, {"volumes": lambda: self._carrying(tag)})["volumes"]
        return [volume for volume in found if region in (None, volume.region) and name in (None, volume.name)]

    def _carrying(self, tag: str) -> list[Volume]:
        return [volume for volume in self._listed_volumes() if tag in volume.tags]

    def _listed_volumes(self, region: str | None = None, name: str | None = None) -> list[Volume]:
        def fits(volume: Volume) -> bool:
            return region in (None, volume.region) and name in (None, volume.name)

        listed = [convert.volume(item) for item in self._api.get("volumes", region=region, name=name)["volumes"]]
        return self._with_own("volume", listed, lambda volume: volume.id, self.volume, fits)

    def create_volume(
        self, name: str, region: str, size_gb: int, tags: Sequence[str], snapshot_id: str | None = None
    ) -> Volume:
        # a snapshot says where it is, and its region is not to be given beside it
        origin = {"region": region} if snapshot_id is None else {"snapshot_id": snapshot_id}
        body = {"name": name, **origin, "size_gigabytes": size_gb, "tags": list(tags)}
        made = self._api.create(
            lambda: convert.volume(self._api.post("volumes", body)["volume"]),
            # one that was deleted a moment ago had its name, and may be in the list still
            lambda: next((there for there in self.volumes(region, name) if set(tags) <= set(there.tags)), None),
            in_lists=True,
        )
        return self._remember("volume", made, made.id)

    def delete_volume(self, volume_id: str) -> None:
        self._api.delete(f"volumes/{volume_id}")

    def attach_volume(self, volume_id: str, droplet_id: int) -> None:
        volume = self.volume(volume_id)
        if volume is None:
            raise NotFoundError(f"volume {volume_id} does not exist")
        if droplet_id in volume.droplet_ids:
            return
        if volume.droplet_ids:
            raise ConflictError(
                f"volume {volume.name} is attached to droplet {volume.droplet_ids[0]}", "detach it first"
            )
        self._volume_action(volume, "attach", droplet_id)

    def grow_volume(self, volume_id: str, size_gb: int) -> None:
        volume = self.volume(volume_id)
        if volume is None:
            raise NotFoundError(f"volume {volume_id} does not exist")
        if volume.size_gb >= size_gb:
            return

        def done() -> bool:
            now = self.volume(volume_id)
            return now is not None and now.size_gb >= size_gb

        body = {"type": "resize", "size_gigabytes": size_gb, "region": volume.region}
        self._api.act(f"volumes/{volume_id}/actions", body, done, ACTION_S)
        self._api.wait_until(done, f"resize of volume {volume.name}", ACTION_S)

    def detach_volume(self, volume_id: str, droplet_id: int) -> None:
        self.begin_detach(volume_id, droplet_id)()

    def begin_detach(self, volume_id: str, droplet_id: int) -> Callable[[], None]:
        volume = self.volume(volume_id)
        if volume is None or droplet_id not in volume.droplet_ids:
            return lambda: None
        return self._begin_action(volume, "detach", droplet_id)

    def _volume_action(self, volume: Volume, type: str, droplet_id: int) -> None:
        self._begin_action(volume, type, droplet_id)()

    def _begin_action(self, volume: Volume, type: str, droplet_id: int) -> Callable[[], None]:
        def done() -> bool:
            now = self.volume(volume.id)
            return now is not None and (droplet_id in now.droplet_ids) is (type == "attach")

        body = {"type": type, "droplet_id": droplet_id, "region": volume.region}
        ended = self._api.begin(f"volumes/{volume.id}/actions", body, done, ACTION_S)

        def wait() -> None:
            ended()
            self._api.wait_until(done, f"{type} of volume {volume.name}", ACTION_S)

        return wait

    def volume(self, volume_id: str) -> Volume | None:
        answer = self._api.find(f"volumes/{volume_id}")
        return convert.volume(answer["volume"]) if answer else None

    def volume_snapshots(self, volume_id: str) -> list[VolumeSnapshot]:
        answer = self._api.find(f"volumes/{volume_id}/snapshots")
        return [convert.snapshot(item) for item in answer["snapshots"]] if answer else []

    def volume_snapshot(self, snapshot_id: str) -> VolumeSnapshot | None:
        answer = self._api.find(f"volumes/snapshots/{snapshot_id}")
        return convert.snapshot(answer["snapshot"]) if answer else None

    def tagged_volume_snapshots(self, tag: str) -> list[VolumeSnapshot]:
        answer = self._api.get("snapshots", resource_type="volume")
        return [taken for taken in map(convert.snapshot, answer["snapshots"]) if tag in taken.tags]

    def snapshot_volume(self, volume_id: str, name: str, tags: Sequence[str]) -> VolumeSnapshot:
        body = {"name": name, "tags": list(tags)}
        return self._api.create(
            lambda: convert.snapshot(self._api.post(f"volumes/{volume_id}/snapshots", body)["snapshot"]),
            lambda: next((taken for taken in self.volume_snapshots(volume_id) if taken.name == name), None),
            # of the same volume in the same second: a run that was killed has made it
            unique=True,
        )

    def delete_volume_snapshot(self, snapshot_id: str) -> None:
        # not below /v2/snapshots: that one asks for the right to delete images
        self._api.delete(f"volumes/snapshots/{snapshot_id}")
