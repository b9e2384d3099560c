"""Whether TaskManagers have room for slots with a size of their own, by what they tell of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ml_framework.resources import Resources

Size: TypeAlias = "Mapping[str, float]"
"""Of a slot, or of a TaskManager, by resource as Flink's REST API names them; memory in MiB."""

DEFAULT_GROUP = "default"
"""The slot sharing group of whatever is given no other."""
GPU = "gpu"
"""The name of Flink's external resource."""
_CPU, _HEAP, _OFF_HEAP = "cpuCores", "taskHeapMemory", "taskOffHeapMemory"
_HEAP_MIB = 16
"""Of a slot's JVM part, which Flink wants to be told beside the cores."""
_OPTIONS = {
    _CPU: "taskmanager.cpu.cores",
    _HEAP: "taskmanager.memory.task.heap.size",
    _OFF_HEAP: "taskmanager.memory.task.off-heap.size",
    "managedMemory": "taskmanager.memory.managed.size",
    GPU: "external-resource.gpu.amount",
}
_MIB = 1 << 20


def size_of(resources: Resources) -> Size:
    """The size of the slot of a node with `resources`, which have numbers."""
    return {
        _CPU: 1.0 if resources.cpu is None else resources.cpu,
        _HEAP: _HEAP_MIB,
        _OFF_HEAP: -(-resources.memory_bytes // _MIB),
        GPU: resources.gpu,
    }


def no_room(slots: Mapping[str, int], sizes: Mapping[str, Size], managers: Sequence[Any]) -> str | None:
    """Why slots cannot all be had at once, None where they may.

    Args:
        slots: number of slots by slot sharing group.
        sizes: of these, by group; every other is as large as one of the slots that Flink divides a
            TaskManager into.
        managers: as the REST API lists TaskManagers.
    """
    have = [_flat(manager["totalResource"]) for manager in managers]
    for group in slots.keys() & sizes.keys():
        places, scarce = _room(have, sizes[group])
        if places < slots[group]:
            return (
                f"slot sharing group {group!r} needs {slots[group]} × ({_words(sizes[group])}), and the "
                f"{len(have)} × TaskManager have {scarce} for {places}: {_remedy(scarce)}"
            )
    share = _share(managers)
    return next(_short(slots, {group: sizes.get(group, share) for group in slots}, have), None)


def _short(slots: Mapping[str, int], sizes: Mapping[str, Size], have: Sequence[Size]) -> Iterator[str]:
    """What all groups together need more of than there is."""
    for resource in _OPTIONS:
        needs = {group: slots[group] * sizes[group].get(resource, 0.0) for group in slots}
        total = sum(size.get(resource, 0.0) for size in have)
        if sum(needs.values()) > total + 1e-6:
            parts = ", ".join(f"{group} {need:g}" for group, need in sorted(needs.items()) if need)
            yield (
                f"the job needs {sum(needs.values()):g} of {resource} (by slot sharing group: {parts}), and "
                f"the {len(have)} × TaskManager have {total:g} in all: {_remedy(resource)}. A slot "
                "without numbers is an equal share of all that a TaskManager has, its GPUs, too: give the "
                f"group {DEFAULT_GROUP!r} numbers of its own, by env.register_slot_sharing_group"
            )


def _share(managers: Iterable[Any]) -> Size:
    """The smallest slot that Flink makes where it is told no size."""
    shares = [
        {name: amount / manager["slotsNumber"] for name, amount in _flat(manager["totalResource"]).items()}
        for manager in managers
    ]
    return {name: min(share.get(name, 0.0) for share in shares) for name in _OPTIONS}


def _room(have: Iterable[Size], size: Size) -> tuple[int, str]:
    """How many slots of `size` TaskManagers have room for, and of what there is least."""
    most = [
        {name: int((total.get(name, 0.0) + 1e-6) // need) for name, need in size.items() if need}
        for total in have
    ]
    scarce = min(most[0], key=lambda name: sum(places[name] for places in most))
    return sum(min(places.values()) for places in most), scarce


def _flat(total: Mapping[str, Any]) -> Size:
    """A TaskManager's size; its external resources beside the others."""
    flat = {**total, **total["extendedResources"]}
    del flat["extendedResources"]
    return flat


def _words(size: Size) -> str:
    return ", ".join(f"{name} {amount:g}" for name, amount in size.items() if amount)


def _remedy(resource: str) -> str:
    return f"raise {_OPTIONS[resource]}, start more TaskManagers, or ask for less"
