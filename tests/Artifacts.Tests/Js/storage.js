"use strict";
// Drives a bucket with Google's npm package. Arguments: the emulator's address, an existing bucket, a folder of this
// script. Ends with exit code 0 if all checks held; a failed check is written to standard error.
const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { Storage } = require("@google-cloud/storage");

const [address, name, folder] = process.argv.slice(2);
const storage = new Storage({
  apiEndpoint: address,
  projectId: "demo-proj",
  useAuthWithCustomEndpoint: false,
  retryOptions: { autoRetry: true, maxRetries: 2, totalTimeout: 20 },
});
const bucket = storage.bucket(name);

async function fails(code, call, words) {
  await assert.rejects(call, (error) => {
    // The start of a resumable upload fails with the transport's own exception, which has Google's words inside.
    assert.equal(error.code ?? error.status, code, error.message);
    assert.match(error.response?.data ? JSON.stringify(error.response.data) : error.message, words);
    return true;
  });
}

async function uploads() {
  const bytes = crypto.randomBytes(3 * 1024 * 1024 + 7);
  const local = path.join(folder, "up.bin");
  fs.writeFileSync(local, bytes);
  for (const [destination, resumable, validation] of [
    ["up/whole", false, "crc32c"], ["up/whole-md5", false, "md5"], ["up/resumable", true, "crc32c"],
    ["up/resumable-md5", true, "md5"],
  ]) {
    const [file] = await bucket.upload(local, {
      destination, resumable, validation, metadata: { contentType: "x/y", metadata: { 언어: "한국어" } },
    });
    assert.equal(Number(file.metadata.size), bytes.length);
    const [there] = await bucket.file(destination).getMetadata();
    assert.equal(there.contentType, "x/y");
    assert.deepEqual(there.metadata, { 언어: "한국어" });
    assert.deepEqual((await file.download({ validation }))[0], bytes);
  }

  // Parts of a fixed size, as where memory is short.
  await bucket.upload(local, { destination: "up/parts", resumable: true, chunkSize: 256 * 1024 });
  assert.deepEqual((await bucket.file("up/parts").download())[0], bytes);

  // An empty object, in both ways.
  for (const resumable of [false, true]) {
    await bucket.file("up/empty").save("", { resumable });
    assert.equal((await bucket.file("up/empty").download())[0].length, 0);
  }

  const [middle] = await bucket.file("up/whole").download({ start: 10, end: 19 });
  assert.deepEqual(middle, bytes.subarray(10, 20));
  const [tail] = await bucket.file("up/whole").download({ start: bytes.length - 5 });
  assert.deepEqual(tail, bytes.subarray(bytes.length - 5));
  const back = path.join(folder, "back.bin");
  await bucket.file("up/resumable").download({ destination: back });
  assert.deepEqual(fs.readFileSync(back), bytes);
  await fails(416, () => bucket.file("up/whole").download({ start: bytes.length + 1 }), /./);
}

async function lists() {
  for (const each of ["l/a", "l/b/1", "l/b/2", "l/c", "l/d/e/f"]) {
    await bucket.file(each).save(each, { resumable: false });
  }

  const named = (files) => files.map((file) => file.name);
  assert.deepEqual(named((await bucket.getFiles({ prefix: "l/" }))[0]), ["l/a", "l/b/1", "l/b/2", "l/c", "l/d/e/f"]);
  const [files, , answer] = await bucket.getFiles({ prefix: "l/", delimiter: "/", autoPaginate: false });
  assert.deepEqual([named(files), answer.prefixes], [["l/a", "l/c"], ["l/b/", "l/d/"]]);

  const seen = [];
  for (let query = { prefix: "l/", maxResults: 2, autoPaginate: false }; query;) {
    const [page, next] = await bucket.getFiles(query);
    assert.ok(page.length <= 2);
    seen.push(...named(page));
    query = next;
  }

  assert.deepEqual(seen, ["l/a", "l/b/1", "l/b/2", "l/c", "l/d/e/f"]);
  assert.deepEqual((await bucket.getFiles({ prefix: "none/" }))[0], []);
  await fails(400, () => bucket.getFiles({ pageToken: "%%%", autoPaginate: false }), /page token/i);
  await bucket.deleteFiles({ prefix: "l/b/" });
  assert.deepEqual(named((await bucket.getFiles({ prefix: "l/b/" }))[0]), []);
}

async function conditions() {
  const file = bucket.file("c/x");
  await file.save("1", { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
  const [{ generation }] = await file.getMetadata();
  for (const resumable of [false, true]) {
    await fails(
      412, () => file.save("2", { resumable, preconditionOpts: { ifGenerationMatch: 0 } }), /condition/i);
  }

  await file.save("3", { resumable: true, preconditionOpts: { ifGenerationMatch: generation } });
  assert.equal(`${(await file.download())[0]}`, "3");
  await fails(412, () => file.delete({ ifGenerationMatch: generation }), /condition/i);
  await fails(404, () => bucket.file("c/x", { generation }).getMetadata(), /No such object/);

  const [before] = await file.getMetadata();
  await file.setMetadata({ cacheControl: "no-store", metadata: { a: "1" } });
  const [after] = await file.getMetadata();
  assert.deepEqual([after.cacheControl, after.metadata.a, after.generation], ["no-store", "1", before.generation]);
  assert.ok(Number(after.metageneration) > Number(before.metageneration));
  await fails(
    412, () => file.setMetadata({ contentType: "z" }, { ifMetagenerationMatch: before.metageneration }), /condition/i);

  await file.copy(bucket.file("c/y"));
  assert.equal(`${(await bucket.file("c/y").download())[0]}`, "3");
  await bucket.combine(["c/x", "c/y"], "c/z");
  assert.equal(`${(await bucket.file("c/z").download())[0]}`, "33");
  await file.delete();
  assert.deepEqual(await file.exists(), [false]);
  await fails(404, () => file.delete(), /No such object/);
  await file.delete({ ignoreNotFound: true });
}

async function names() {
  const hostile = [
    "h/with space", "h/한국어/파일.txt", "h/100%25", "h/a%2Fb", "h/a+b&c=d?e#f", "h/../up", "h/./x", "h//double", "h/*",
    "h/[a]{b}", "h/quote'\"\\", "h/\u{1F600}", "h/trailing.", "h/" + "n".repeat(900), "h/tab\tstop", "h/colon:@!$",
  ];
  for (const [index, each] of hostile.entries()) {
    await bucket.file(each).save(`${index}`, { resumable: index % 2 === 0 });
  }

  const [found] = await bucket.getFiles({ prefix: "h/" });
  assert.deepEqual(found.map((file) => file.name).sort(), [...hostile].sort());
  for (const [index, each] of hostile.entries()) {
    assert.equal(`${(await bucket.file(each).download())[0]}`, `${index}`, each);
    await bucket.file(each).delete();
  }

  assert.deepEqual((await bucket.getFiles({ prefix: "h/" }))[0], []);
  for (const refused of ["n".repeat(1025), "a\rb", "a\nb", ".", ".."]) {
    for (const resumable of [false, true]) {
      await fails(400, () => bucket.file(refused).save("x", { resumable }), /./);
    }
  }
}

async function buckets() {
  const none = storage.bucket("no-such-bucket-here");
  assert.deepEqual(await none.exists(), [false]);
  await fails(404, () => none.getFiles(), /bucket does not exist/);
  await fails(404, () => none.file("x").download(), /bucket does not exist/);
  for (const resumable of [false, true]) {
    await fails(404, () => none.file("x").save("x", { resumable }), /bucket does not exist/);
  }

  await fails(409, () => storage.createBucket(name), /./);
  await fails(400, () => storage.createBucket("UPPER_case!"), /Invalid bucket name/);
  const [made] = await storage.createBucket("made-by-npm");
  assert.ok((await storage.getBuckets())[0].some((each) => each.name === "made-by-npm"));
  await made.file("x").save("x", { resumable: false });
  await fails(409, () => made.delete(), /not empty/);
  await made.deleteFiles();
  await made.delete();
  assert.deepEqual(await made.exists(), [false]);
}

(async () => {
  for (const each of [uploads, lists, conditions, names, buckets]) {
    try {
      await each();
    } catch (error) {
      console.error(`${each.name}: ${error.stack}`);
      process.exitCode = 1;
    }
  }
})();
