using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Buckets;

/// <summary>The bucket emulator against models of a few lines: byte arrays, dictionaries, sorted lists.</summary>
public sealed class BucketModelTests
{
    private const int Grain = 256 << 10;

    /// <summary>
    /// Parts of any length, sent again, cut off, asked for: the object has the bytes that were meant.
    /// </summary>
    [Fact]
    public async Task Resumable_RandomParts_MakeTheWholeObject()
    {
        await using var host = await BucketHost.StartAsync();
        await Seeds.TryAsync(25, async random =>
        {
            var whole = new byte[random.Next(4) == 0 ? random.Next(0, 9) : random.Next(1, 5 * Grain)];
            random.NextBytes(whole);
            var begun = await host.SendAsync("POST", BucketHost.UploadPath("big/한 🙂.bin", "resumable"));
            var session = begun.Location!;
            // The model: how many bytes the server must have.
            var held = 0;
            while (true)
            {
                if (random.Next(4) == 0)
                {
                    var asked = await host.SendAsync("PUT", session, [], contentRange: $"bytes */{whole.Length}");
                    if (held == whole.Length)
                    {
                        // The question ends an upload that has every byte.
                        await AssertDoneAsync(host, asked, whole);
                        return;
                    }

                    AssertHeld(held, asked);
                }

                var from = random.Next(5) == 0 ? random.Next(0, held + 1) : held;
                var isLast = random.Next(3) == 0 || whole.Length - from <= Grain;
                var to = isLast ? whole.Length : Math.Min(whole.Length, from + random.Next(1, 2 * Grain));
                var total = isLast || random.Next(2) == 0
                    ? whole.Length.ToString(CultureInfo.InvariantCulture) : "*";
                var sent = to > from
                    ? await host.SendAsync(
                        "PUT", session, whole[from..to], contentRange: $"bytes {from}-{to - 1}/{total}")
                    : await host.SendAsync("PUT", session, [], contentRange: $"bytes */{whole.Length}");
                if (to == whole.Length && (isLast || total != "*" || to == from))
                {
                    await AssertDoneAsync(host, sent, whole);
                    return;
                }

                held = Math.Max(held, to) / Grain * Grain;
                AssertHeld(held, sent);
            }
        });
        Assert.Empty(host.Errors);
    }

    /// <summary>A part ahead of what was received is not taken, and the answer says where to go on.</summary>
    [Fact]
    public async Task Resumable_PartWithAGap_IsNotTaken()
    {
        await using var host = await BucketHost.StartAsync();
        var session = (await host.SendAsync("POST", BucketHost.UploadPath("x", "resumable"))).Location!;

        var first = await host.SendAsync("PUT", session, new byte[Grain], contentRange: $"bytes 0-{Grain - 1}/*");
        var gap = await host.SendAsync(
            "PUT", session, new byte[10], contentRange: $"bytes {2 * Grain}-{(2 * Grain) + 9}/{(2 * Grain) + 10}");

        AssertHeld(Grain, first);
        AssertHeld(Grain, gap);
        Assert.Equal(404, (await host.SendAsync("GET", BucketHost.ObjectPath("x"))).Status);
    }

    /// <summary>Every condition on every call, on an object that is there, was changed, or is not there.</summary>
    [Fact]
    public async Task Conditions_OnEveryCall_HoldAsTheirDefinitionSays()
    {
        await using var host = await BucketHost.StartAsync();
        string[] calls = ["get", "download", "patch", "delete", "insert", "multipart", "resumable", "copy", "compose"];
        var source = await host.SendAsync("POST", BucketHost.UploadPath("source"), "s");
        Assert.Equal(200, source.Status);
        foreach (var call in calls)
        {
            foreach (var isThere in (bool[])[true, false])
            {
                foreach (var (name, given) in Conditions())
                {
                    var (generation, metageneration) = (0L, 0L);
                    await host.SendAsync("DELETE", BucketHost.ObjectPath("o"));
                    if (isThere)
                    {
                        generation = (await host.SendAsync("POST", BucketHost.UploadPath("o"), "x")).Generation;
                        await host.SendAsync("PATCH", BucketHost.ObjectPath("o"), """{"metadata": {"a": "b"}}""");
                        metageneration = 2;
                    }

                    var value = given switch
                    {
                        "same" => name.Contains("Meta", StringComparison.Ordinal) ? metageneration : generation,
                        "other" => 77,
                        _ => 0,
                    };
                    var actual = name.Contains("Meta", StringComparison.Ordinal) ? metageneration : generation;
                    // Of nothing only generation 0 holds.
                    var holds = name.Contains("Not", StringComparison.Ordinal)
                        ? isThere && value != actual
                        : value == actual && (isThere || name == "ifGenerationMatch");
                    var status = await CallAsync(host, call, $"{name}={value}");
                    var isWrite = call is "insert" or "multipart" or "resumable" or "copy" or "compose";
                    var refused = call is "get" or "download" && name.Contains("Not", StringComparison.Ordinal)
                        ? 304 : 412;
                    var expected = !isThere && !isWrite ? 404 : holds ? (call == "delete" ? 204 : 200) : refused;
                    Assert.True(
                        expected == status,
                        $"{call} of {(isThere ? "an object" : "nothing")} with {name}={value}: {status}, "
                            + $"not {expected}");
                }
            }
        }

        Assert.Empty(host.Errors);
    }

    /// <summary>Prefix, delimiter, offsets and pages of any size, against a loop over the sorted names.</summary>
    [Fact]
    public async Task List_RandomNames_IsTheDefinition()
    {
        await using var host = await BucketHost.StartAsync();
        string[] pieces = ["a", "b", "/", "//", "한", "🙂", "-", " ", "%2F", "a/", "＿", "\uE000", "?", "#", "+"];
        await Seeds.TryAsync(12, async random =>
        {
            foreach (var old in (await host.ListAsync("")).Names)
            {
                await host.SendAsync("DELETE", BucketHost.ObjectPath(old));
            }

            var names = Enumerable.Range(0, random.Next(1, 25))
                .Select(_ => string.Concat(random.GetItems(pieces, random.Next(1, 6))))
                .Where(name => name.Trim('/').Length > 0).Distinct().ToList();
            foreach (var name in names)
            {
                Assert.Equal(200, (await host.SendAsync("POST", BucketHost.UploadPath(name), name)).Status);
                Assert.Equal(
                    name, (await host.SendAsync("GET", $"{BucketHost.ObjectPath(name)}?alt=media")).Text);
            }

            for (var round = 0; round < 12; round++)
            {
                var prefix = random.Next(2) == 0 ? "" : pieces[random.Next(pieces.Length)];
                var delimiter = random.Next(3) == 0 ? "" : random.GetItems(["/", "/", "a", "//", "한"], 1)[0];
                var size = random.Next(1, 9);
                var start = random.Next(4) == 0 ? "a" : null;
                var query = $"prefix={Uri.EscapeDataString(prefix)}&delimiter={Uri.EscapeDataString(delimiter)}"
                    + $"&maxResults={size}{(start is null ? "" : $"&startOffset={start}")}";

                var (listed, folders) = await host.ListAsync(query);

                // Cloud Storage sorts by the bytes of UTF-8.
                var matching = names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)
                        && (start is null || string.CompareOrdinal(name, start) >= 0))
                    .OrderBy(name => Convert.ToHexString(Encoding.UTF8.GetBytes(name)), StringComparer.Ordinal)
                    .ToList();
                string? Folder(string name) =>
                    delimiter.Length > 0
                    && name.IndexOf(delimiter, prefix.Length, StringComparison.Ordinal) is >= 0 and var at
                        ? name[..(at + delimiter.Length)] : null;
                Assert.Equal(matching.Where(name => Folder(name) is null), listed);
                Assert.Equal(
                    matching.Select(Folder).OfType<string>().Distinct().Order(StringComparer.Ordinal),
                    folders.Order(StringComparer.Ordinal));
            }
        });
        Assert.Empty(host.Errors);
    }

    /// <summary>Ranges of every form, against slices of the bytes.</summary>
    [Fact]
    public async Task Download_EveryRange_IsTheSlice()
    {
        await using var host = await BucketHost.StartAsync();
        foreach (var size in (int[])[0, 1, 10])
        {
            var whole = Enumerable.Range(1, size).Select(value => (byte)value).ToArray();
            await host.SendAsync("POST", BucketHost.UploadPath("o"), whole);
            int[] places = [0, 1, 5, 9, 10, 11];
            var ranges = places
                .SelectMany(from => places.Select(to => (Text: $"bytes={from}-{to}", From: from, To: to)))
                .Concat(places.Select(from => (Text: $"bytes={from}-", From: from, To: int.MaxValue)))
                .Concat(places.Select(last => (Text: $"bytes=-{last}", From: Math.Max(0, size - last), To: size)));
            foreach (var (text, from, to) in ranges)
            {
                var answer = await host.SendAsync("GET", $"{BucketHost.ObjectPath("o")}?alt=media", "", text);

                var isNone = from > to;
                var end = Math.Min(to, size - 1);
                Assert.True(
                    answer.Status == (isNone ? 200 : from >= size ? 416 : 206), $"{text} of {size}: {answer.Status}");
                if (answer.Status == 206)
                {
                    Assert.Equal(whole[from..(end + 1)], answer.Body);
                    Assert.Equal($"bytes {from}-{end}/{size}", answer.ContentRange);
                }
                else if (answer.Status == 416)
                {
                    Assert.Equal("requestedRangeNotSatisfiable", answer.Reason);
                }
                else
                {
                    Assert.Equal(whole, answer.Body);
                }
            }
        }
    }

    /// <summary>
    /// Objects written, overwritten, patched, copied, composed and deleted at random, against a dictionary.
    /// </summary>
    [Fact]
    public async Task Objects_RandomCalls_AreTheDictionary()
    {
        using var state = new TemporaryFolder("buckets-");
        await Seeds.TryAsync(6, async random =>
        {
            var model = new SortedDictionary<string, (byte[] Bytes, long Generation, int Meta)>(StringComparer.Ordinal);
            string[] names = ["a", "b/c", "한 글", "🙂"];
            var folder = Path.Combine(state.Path, $"{random.Next()}");
            for (var life = 0; life < 3; life++)
            {
                // The store is opened again on what it left.
                await using var host = await BucketHost.StartAsync(folder);
                for (var step = 0; step < 40; step++)
                {
                    var picked = random.GetItems(names, 2);
                    await StepAsync(host, random, model, picked[0], picked[1]);
                }

                Assert.Equal(model.Keys, (await host.ListAsync("")).Names);
                foreach (var (name, item) in model)
                {
                    Assert.Equal(
                        item.Bytes, (await host.SendAsync("GET", $"{BucketHost.ObjectPath(name)}?alt=media")).Body);
                    var described = (await host.SendAsync("GET", BucketHost.ObjectPath(name))).Json;
                    Assert.Equal(
                        ($"{item.Generation}", $"{item.Meta}", $"{item.Bytes.Length}"),
                        ((string?)described["generation"], (string?)described["metageneration"],
                            (string?)described["size"]));
                }

                // A blob that no object has would stay for ever.
                Assert.Equal(
                    model.Values.Select(item => Convert.ToHexString(item.Bytes)).Distinct().Count(),
                    Directory.GetFiles(Path.Combine(folder, "buckets", "blobs")).Length);
                Assert.Empty(host.Errors);
            }
        });
    }

    private static async Task StepAsync(
        BucketHost host, Random random, SortedDictionary<string, (byte[] Bytes, long Generation, int Meta)> model,
        string name, string other)
    {
        var newest = model.Values.Select(item => item.Generation).DefaultIfEmpty().Max();
        var isThere = model.TryGetValue(name, out var old);
        BucketHost.Answer answer;
        switch (random.Next(6))
        {
            case 0:
                answer = await host.SendAsync("DELETE", BucketHost.ObjectPath(name));
                Assert.Equal(isThere ? 204 : 404, answer.Status);
                model.Remove(name);
                return;
            case 1:
                answer = await host.SendAsync(
                    "PATCH", BucketHost.ObjectPath(name), """{"contentType": "text/plain"}""");
                Assert.Equal(isThere ? 200 : 404, answer.Status);
                if (isThere)
                {
                    model[name] = old with { Meta = old.Meta + 1 };
                }

                return;
            case 2:
                answer = await host.SendAsync(
                    "POST", $"{BucketHost.ObjectPath(name)}/rewriteTo/b/{BucketHost.Bucket}/o/"
                        + Uri.EscapeDataString(other));
                Assert.Equal(isThere ? 200 : 404, answer.Status);
                if (isThere)
                {
                    model[other] = (old.Bytes, long.Parse((string)answer.Json["resource"]!["generation"]!), 1);
                }

                return;
            case 3 when isThere && model.TryGetValue(other, out var second):
                answer = await host.SendAsync("POST", $"{BucketHost.ObjectPath("🙂")}/compose", new JsonObject
                {
                    ["sourceObjects"] = new JsonArray(
                        new JsonObject { ["name"] = name }, new JsonObject { ["name"] = other }),
                }.ToJsonString());
                Assert.Equal(200, answer.Status);
                model["🙂"] = ([.. old.Bytes.Concat(second.Bytes).Take(4096)], answer.Generation, 1);
                if (old.Bytes.Length + second.Bytes.Length > 4096)
                {
                    // Kept short: what grows with every step is written anew.
                    answer = await host.SendAsync("POST", BucketHost.UploadPath("🙂"), model["🙂"].Bytes);
                    model["🙂"] = (model["🙂"].Bytes, answer.Generation, 1);
                }

                return;
            default:
                var bytes = new byte[random.Next(0, 3) * 700];
                random.NextBytes(bytes.AsSpan(0, Math.Min(1, bytes.Length)));
                answer = await host.SendAsync("POST", BucketHost.UploadPath(name), bytes);
                Assert.Equal(200, answer.Status);
                Assert.True(answer.Generation > newest, "A generation is larger than all before it.");
                model[name] = (bytes, answer.Generation, 1);
                return;
        }
    }

    private static IEnumerable<(string Name, string Given)> Conditions() =>
        from name in (string[])["ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch",
            "ifMetagenerationNotMatch"]
        from given in (string[])["same", "other", "zero"]
        select (name, given);

    private static async Task<int> CallAsync(BucketHost host, string call, string condition)
    {
        var target = BucketHost.ObjectPath("o");
        return call switch
        {
            "get" => (await host.SendAsync("GET", $"{target}?{condition}")).Status,
            "download" => (await host.SendAsync("GET", $"{target}?alt=media&{condition}")).Status,
            "patch" => (await host.SendAsync("PATCH", $"{target}?{condition}", "{}")).Status,
            "delete" => (await host.SendAsync("DELETE", $"{target}?{condition}")).Status,
            "insert" => (await host.SendAsync("POST", $"{BucketHost.UploadPath("o")}&{condition}", "y")).Status,
            "multipart" => (await host.SendAsync(
                "POST", $"{BucketHost.UploadPath("o", "multipart")}&{condition}",
                "--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\n\r\ny\r\n--b--"u8.ToArray(),
                contentType: "multipart/related; boundary=b")).Status,
            "copy" => (await host.SendAsync(
                "POST", $"{BucketHost.ObjectPath("source")}/rewriteTo/b/{BucketHost.Bucket}/o/o?{condition}")).Status,
            "compose" => (await host.SendAsync(
                "POST", $"{target}/compose?{condition}", """{"sourceObjects": [{"name": "source"}]}""")).Status,
            _ => await ResumeAsync(host, condition),
        };
    }

    private static async Task<int> ResumeAsync(BucketHost host, string condition)
    {
        var begun = await host.SendAsync("POST", $"{BucketHost.UploadPath("o", "resumable")}&{condition}");
        return begun.Status != 200
            ? begun.Status
            : (await host.SendAsync("PUT", begun.Location!, [1], contentRange: "bytes 0-0/1")).Status;
    }

    private static void AssertHeld(int bytes, BucketHost.Answer answer) =>
        Assert.Equal((308, bytes == 0 ? null : $"bytes=0-{bytes - 1}"), (answer.Status, answer.Held));

    private static async Task AssertDoneAsync(BucketHost host, BucketHost.Answer answer, byte[] whole)
    {
        Assert.Equal(200, answer.Status);
        Assert.Equal($"{whole.Length}", (string?)answer.Json["size"]);
        var name = (string)answer.Json["name"]!;
        Assert.Equal(whole, (await host.SendAsync("GET", $"{BucketHost.ObjectPath(name)}?alt=media")).Body);
    }
}
