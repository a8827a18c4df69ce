"use strict";
// Mutual exclusion, several locks, and every way in which a holder may end.
const assert = require("node:assert/strict");
const { TaskEntity, EntityInstanceId, whenAll } = require("@microsoft/durabletask-js");
const { main, run, done, output, until } = require("./harness");

class Account extends TaskEntity {
  initializeState() {
    return 0;
  }

  get() {
    return this.state;
  }

  set(value) {
    this.state = value;
  }
}

const account = (key) => new EntityInstanceId("account", key);

main(
  (worker) => {
    worker.addNamedEntity("account", () => new Account());
    worker.addNamedOrchestrator("deposit", async function* (context, amount) {
      const lock = yield context.entities.lockEntities(account("one"));
      const before = yield context.entities.callEntity(account("one"), "get");
      yield context.createTimer(0.1);
      yield context.entities.callEntity(account("one"), "set", before + amount);
      lock.release();
    });
    worker.addNamedOrchestrator("transfer", async function* (context, [from, to]) {
      const lock = yield context.entities.lockEntities(account(from), account(to), account(from));
      const inside = context.entities.isInCriticalSection().inSection;
      const left = yield context.entities.callEntity(account(from), "get");
      const right = yield context.entities.callEntity(account(to), "get");
      const last = context.entities.callEntity(account(to), "set", right + 1);
      lock.release();
      yield last;
      return [inside, left, context.entities.isInCriticalSection().inSection];
    });
    worker.addNamedOrchestrator("holder", async function* (context, end) {
      yield context.entities.lockEntities(account("held"), account("too"));
      context.setCustomStatus("inside");
      yield context.waitForExternalEvent("end");
      if (end === "throw") {
        throw new Error("inside");
      }

      if (end === "again") {
        context.continueAsNew("return", false);
        return;
      }

      return "left";
    });
    worker.addNamedOrchestrator("waiter", async function* (context) {
      const lock = yield context.entities.lockEntities(account("held"));
      lock.release();
      return "had it";
    });
  },
  async (client) => {
    await Promise.all([10, 20, 30].map((amount) => run(client, "deposit", amount)));
    assert.equal((await client.getEntity(account("one"))).state, 60);

    const pairs = ["ab", "ba", "bc", "cb", "ac", "ca"];
    const all = await Promise.all(pairs.map((pair) => run(client, "transfer", [...pair])));
    for (const state of all) {
      assert.equal(output(state)[0], true);
      assert.equal(output(state)[2], false);
    }

    for (const key of "abc") {
      assert.equal((await client.getEntity(account(key))).state, 2);
    }

    await client.signalEntity(account("held"), "set", 1);
    for (const end of ["return", "throw", "terminate", "again"]) {
      const id = `holder-${end}`;
      await client.scheduleNewOrchestration("holder", end, id);
      await until(
        async () => (await client.getOrchestrationState(id, true))?.serializedCustomStatus === '"inside"', "locked");
      assert.equal((await client.getEntity(account("held"))).lockedBy, id);
      await client.scheduleNewOrchestration("waiter", undefined, `waiter-${end}`);
      if (end === "terminate") {
        await client.terminateOrchestration(id, "now");
      } else {
        await client.raiseOrchestrationEvent(id, "end");
      }

      if (end === "again") {
        // The next generation asks for the lock behind the waiter.
        assert.equal(output(await done(client, `waiter-${end}`)), "had it");
        await client.raiseOrchestrationEvent(id, "end");
      }

      await done(client, id);
      assert.notEqual((await client.getEntity(account("held"))).lockedBy, id);
      assert.equal(output(await done(client, `waiter-${end}`)), "had it");
      assert.equal((await client.getEntity(account("held"))).lockedBy, undefined);
    }
  },
);
