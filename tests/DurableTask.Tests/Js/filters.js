"use strict";
// Workers that ask for some work items only.
const assert = require("node:assert/strict");
const { EntityInstanceId, TaskEntity } = require("@microsoft/durabletask-js");
const { main, done, output, newWorker, sleep, until } = require("./harness");

class Counter extends TaskEntity {
  initializeState() {
    return 0;
  }

  add(value) {
    this.state += value;
    return this.state;
  }
}

function all(worker, place) {
  worker.addNamedActivity("work", () => place);
  worker.addNamedOrchestrator("one", async function* (context) {
    return [place, yield context.callActivity("work")];
  });
  worker.addNamedOrchestrator("two", async function* () {
    return place;
  });
  worker.addNamedEntity("counter", () => new Counter());
}

main(
  () => {},
  async (client, idle) => {
    await idle.stop();
    // Everybody can do everything, but asks for one kind only.
    const makers = {
      orchestrations: { orchestrations: [{ name: "ONE" }, { name: "two", versions: ["1"] }] },
      activities: { activities: [{ name: "work" }] },
      entities: { entities: [{ name: "counter" }] },
    };
    const workers = {};
    for (const [place, filters] of Object.entries(makers)) {
      workers[place] = newWorker({ workItemFilters: filters });
      all(workers[place], place);
      await workers[place].start();
    }

    await client.scheduleNewOrchestration("one", undefined, "one");
    assert.deepEqual(output(await done(client, "one")), ["orchestrations", "activities"]);
    await client.scheduleNewOrchestration("two", undefined, { instanceId: "two-1", version: "1" });
    assert.equal(output(await done(client, "two-1")), "orchestrations");
    const id = new EntityInstanceId("counter", "a");
    await client.signalEntity(id, "add", 3);
    await until(async () => (await client.getEntity(id))?.state === 3, "the entity ran");

    // Nobody takes version 2, until a worker without filters comes.
    await client.scheduleNewOrchestration("two", undefined, { instanceId: "two-2", version: "2" });
    await sleep(200);
    assert.equal((await client.getOrchestrationState("two-2")).runtimeStatus, 6);
    workers.everything = newWorker();
    all(workers.everything, "everything");
    await workers.everything.start();
    assert.equal(output(await done(client, "two-2")), "everything");
    await Promise.all(Object.values(workers).map((worker) => worker.stop()));
  },
);
