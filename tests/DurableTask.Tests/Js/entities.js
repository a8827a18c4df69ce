"use strict";
// State, signals, calls, failures, queries and deletion.
const assert = require("node:assert/strict");
const { TaskEntity, EntityInstanceId } = require("@microsoft/durabletask-js");
const { main, run, done, output, until, sleep } = require("./harness");

class Counter extends TaskEntity {
  initializeState() {
    return { value: 0, log: [] };
  }

  add(amount) {
    this.state.value += amount;
    this.state.log.push(amount);
    return this.state.value;
  }

  get() {
    return this.state.value;
  }

  nothing() {}

  fail(text) {
    this.state.value = -1;
    throw new Error(text);
  }

  forward({ key, amount }) {
    this.context.signalEntity(new EntityInstanceId("counter", key), "add", amount);
  }

  start(id) {
    return this.context.scheduleNewOrchestration("total", "o", { instanceId: id });
  }
}

const counter = (key) => new EntityInstanceId("Counter", key);

main(
  (worker) => {
    worker.addNamedEntity("counter", () => new Counter());
    worker.addNamedOrchestrator("total", async function* (context, key) {
      context.entities.signalEntity(counter(key), "add", 5);
      const first = yield context.entities.callEntity(counter(key), "ADD", 7);
      const none = yield context.entities.callEntity(counter(key), "nothing");
      yield context.createTimer(0.05);
      return [first, none === undefined || none === null, yield context.entities.callEntity(counter(key), "get")];
    });
    worker.addNamedOrchestrator("failing", async function* (context) {
      try {
        yield context.entities.callEntity(counter("f"), "fail", "caught");
      } catch (error) {
        yield context.entities.callEntity(counter("f"), "fail", `after ${error.message.includes("caught")}`);
      }
    });
  },
  async (client) => {
    const value = async (key) => (await client.getEntity(counter(key)))?.state?.value;
    assert.equal(await client.getEntity(counter("unknown")), undefined);

    for (let amount = 1; amount <= 20; amount++) {
      await client.signalEntity(counter("Key@x"), "add", amount);
    }

    await until(async () => (await value("Key@x")) === 210, "all signals");
    const entity = await client.getEntity(counter("Key@x"));
    assert.deepEqual(entity.state.log, Array.from({ length: 20 }, (_, item) => item + 1));
    assert.equal(entity.id.toString(), "@counter@Key@x");
    assert.equal(entity.backlogQueueSize, 0);
    assert.equal(entity.lockedBy, undefined);
    assert.ok(Math.abs(entity.lastModifiedTime - Date.now()) < 60_000);

    assert.deepEqual(output(await run(client, "total", "o")), [12, true, 12]);
    const failed = await run(client, "failing");
    assert.equal(failed.runtimeStatus, 3);
    assert.match(failed.failureDetails.message, /after true/);
    await client.signalEntity(counter("f"), "fail", "nobody hears");
    await client.signalEntity(counter("f"), "add", 3);
    await until(async () => (await value("f")) === 3, "the entity goes on");

    await client.signalEntity(counter("a"), "forward", { key: "b", amount: 4 });
    await until(async () => (await value("b")) === 4, "an entity's signal");
    await client.signalEntity(counter("a"), "start", "started-by-entity");
    await until(async () => (await client.getOrchestrationState("started-by-entity")) !== undefined, "a start");
    assert.equal((await done(client, "started-by-entity")).runtimeStatus, 1);

    await client.signalEntity(counter("later"), "add", 1, { signalTime: new Date(Date.now() + 1500) });
    await sleep(300);
    assert.equal(await client.getEntity(counter("later")), undefined);
    await until(async () => (await value("later")) === 1, "the scheduled signal");

    const pages = [];
    const query = { instanceIdStartsWith: "COUNTER@", includeState: false, pageSize: 2 };
    for await (const page of client.getEntities(query).asPages()) {
      pages.push(page.values.map((item) => item.id.key));
    }

    assert.deepEqual(pages.flat(), ["Key@x", "a", "b", "f", "later", "o"]);
    assert.deepEqual(pages.map((page) => page.length), [2, 2, 2]);

    await client.signalEntity(counter("f"), "delete");
    await until(async () => (await client.getEntity(counter("f"))) === undefined, "deleted");
    await client.signalEntity(counter("f"), "add", 9);
    await until(async () => (await value("f")) === 9, "made again");

    const cleaned = await client.cleanEntityStorage();
    assert.equal(cleaned.continuationToken, undefined);
    assert.equal(await value("f"), 9);
    await assert.rejects(() => client.signalEntity(counter("k".repeat(120)), "add", 1), /length|INVALID_ARGUMENT/);
    for await (const state of client.getAllInstances({})) {
      assert.ok(!state.instanceId.startsWith("@"), state.instanceId);
    }
  },
);
