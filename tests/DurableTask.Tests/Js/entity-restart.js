"use strict";
// The engine is stopped and started again while a lock is held and a signal waits for its time.
const assert = require("node:assert/strict");
const { TaskEntity, EntityInstanceId } = require("@microsoft/durabletask-js");
const { main, done, output, until } = require("./harness");

class Account extends TaskEntity {
  initializeState() {
    return 0;
  }

  add(value) {
    this.state += value;
    return this.state;
  }
}

const account = new EntityInstanceId("account", "one");

main(
  (worker) => {
    worker.addNamedEntity("account", () => new Account());
    worker.addNamedOrchestrator("holder", async function* (context) {
      const lock = yield context.entities.lockEntities(account);
      yield context.entities.callEntity(account, "add", 1);
      context.setCustomStatus("inside");
      yield context.waitForExternalEvent("end");
      const sum = yield context.entities.callEntity(account, "add", 10);
      lock.release();
      return sum;
    });
  },
  async (client) => {
    await client.scheduleNewOrchestration("holder", undefined, "holder");
    await until(
      async () => (await client.getOrchestrationState("holder", true))?.serializedCustomStatus === '"inside"',
      "locked",
    );
    await client.signalEntity(account, "add", 100);
    await client.signalEntity(account, "add", 1000, { signalTime: new Date(Date.now() + 2500) });
    process.stdout.write("ready\n");
    await new Promise((resolve) => process.stdin.once("data", resolve));
    const entity = await until(() => client.getEntity(account).catch(() => undefined), "the engine is back");
    assert.equal(entity.lockedBy, "holder");
    assert.equal(entity.backlogQueueSize, 1);
    assert.equal(entity.state, 1);
    await client.raiseOrchestrationEvent("holder", "end");
    assert.equal(output(await done(client, "holder")), 11);
    await until(async () => (await client.getEntity(account)).state === 1111, "signals behind the lock and its time");
  },
);
