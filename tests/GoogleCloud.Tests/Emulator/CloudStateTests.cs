using System.Text.Json.Nodes;
using Google.Cloud.Tpu.V2;
using Workflows.TestKit;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>The emulated cloud on disk: what a crash, a damaged file or an earlier version leaves.</summary>
public sealed class CloudStateTests
{
    private const string Zone = "us-west4-a";

    /// <summary>What was written whole, cut after any byte: the fault names the file.</summary>
    [Fact]
    public async Task State_CutAnywhere_NamesTheFile()
    {
        using var folder = new TemporaryFolder("cloud-");
        await using (var host = await EmulatorHost.StartAsync(state: folder.Path))
        {
            await host.CreateAsync(Zone, "n");
        }

        await using (await EmulatorHost.StartAsync(state: folder.Path))
        {
        }

        var whole = File.ReadAllBytes(folder["cloud.jsonl"]);
        foreach (var length in (int[])[0, 1, 7, whole.Length / 3, whole.Length / 2, whole.Length - 1])
        {
            File.WriteAllBytes(folder["cloud.jsonl"], whole[..length]);

            var fault = await Assert.ThrowsAnyAsync<Exception>(() => EmulatorHost.StartAsync(state: folder.Path));

            Assert.Contains(folder["cloud.jsonl"], fault.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A crash in the middle of a change loses that change alone: its caller got no answer.</summary>
    [Fact]
    public async Task State_CutInItsLastChange_HasWhatWasBefore()
    {
        using var folder = new TemporaryFolder("cloud-");
        long before;
        await using (var host = await EmulatorHost.StartAsync(state: folder.Path))
        {
            await host.CreateAsync(Zone, "first");
            before = new FileInfo(folder["cloud.jsonl"]).Length;
            await host.CreateAsync(Zone, "second");
        }

        using (var file = File.OpenWrite(folder["cloud.jsonl"]))
        {
            file.SetLength(before + 10);
        }

        await using var next = await EmulatorHost.StartAsync(state: folder.Path);
        Assert.Equal(["first"], (await next.Tpu.ListNodesAsync(new ListNodesRequest
        {
            Parent = EmulatorHost.Parent("-"),
        })).Nodes.Select(node => node.Name.Split('/')[^1]));
        await next.CreateAsync(Zone, "second");
    }

    /// <summary>A change costs its own size: a hundred nodes are not written again for each next one.</summary>
    [Fact]
    public async Task State_OfManyNodes_GrowsByTheChangeAlone()
    {
        using var folder = new TemporaryFolder("cloud-");
        await using var host = await EmulatorHost.StartAsync(state: folder.Path);
        var sizes = new List<long>();
        foreach (var each in Enumerable.Range(0, 60))
        {
            await host.CreateAsync(Zone, $"n-{each}");
            sizes.Add(new FileInfo(folder["cloud.jsonl"]).Length);
        }

        var steps = sizes.Zip(sizes.Skip(1), (left, right) => right - left).ToList();
        Assert.InRange(steps.Max(), 1, 2 * steps.Min());
    }

    /// <summary>The form of versions that wrote everything at each change.</summary>
    [Fact]
    public async Task State_OfAnEarlierVersion_IsTakenOver()
    {
        using var folder = new TemporaryFolder("cloud-");
        string name;
        await using (var host = await EmulatorHost.StartAsync(state: folder.Path))
        {
            name = (await host.ReadyAsync(Zone, "n")).Name;
        }

        var changes = File.ReadLines(folder["cloud.jsonl"]).Select(line => JsonNode.Parse(line)!).ToList();
        JsonNode Last(string kind) => changes.Last(each => each[kind] is not null)[kind]!;
        static JsonObject Pascal(JsonNode node) => new(node.AsObject().Select(pair => KeyValuePair.Create(
            char.ToUpperInvariant(pair.Key[0]) + pair.Key[1..], pair.Value?.DeepClone())));
        var project = Pascal(Last("project"));
        project["Nodes"] = new JsonArray(Pascal(Last("node")));
        project["Operations"] = new JsonArray(Last("operation").DeepClone());
        File.Delete(folder["cloud.jsonl"]);
        folder.Write("cloud.json", new JsonObject { [EmulatorHost.Project] = project }.ToJsonString());

        await using (var next = await EmulatorHost.StartAsync(state: folder.Path))
        {
            Assert.Equal(name, (await next.GetAsync(Zone, "n")).Name);
        }

        Assert.False(File.Exists(folder["cloud.json"]));
        await using var last = await EmulatorHost.StartAsync(state: folder.Path);
        Assert.Equal(State.Ready, (await last.GetAsync(Zone, "n")).State);
    }
}
