"""The parts of the scale benchmark do what they measure, with a few nodes and pages."""

from tests.bench.scale import phases
from tests.bench.scale.phases import Plan
from tests.bench.scale.run import scene
from tests.support.waiting import eventually


async def test_nodes_join_pages_hear_of_them_and_all_come_back() -> None:
    plan = Plan(nodes=(2,), pages=(4,), events_per_s=(40,), users=1, quiet_s=0.1, speak_s=0.5, return_within_s=0.2)
    async with scene(plan) as given:
        _, _, (joined,) = await phases.join(given)
        assert joined[0] == "2"
        assert given.presence.online == given.all_nodes == 3
        await phases.open_pages(given)
        said = await given.nodes.tell("speak", per_s=40, for_s=0.5)
        frames = 0

        async def have_heard() -> bool:
            nonlocal frames
            frames += int((await given.pages.tell("count"))["frames"])
            return frames >= int(said["events"]) * 2

        await eventually(have_heard, what="each event to reach the two pages that watch its session")
        _, heads, rows = await phases.storm(given, has_pages=True)
        assert [row[0] for row in rows] == ["within 0.2 s", "at once"]
        place = heads.index("events to a page")
        # Of each node and of its session that it has gone and come, and the session watched anew.
        assert all(float(row[place]) >= 2 * 4 for row in rows)
        assert given.presence.online == 3
