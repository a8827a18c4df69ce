using System.Security.Cryptography;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>Models on their way from the Hub to a bucket: once, in parts, and only with their hashes.</summary>
public sealed class BringTests : IAsyncLifetime
{
    private static readonly ArtifactUri Model = ArtifactUri.Parse($"hf://google/tiny@{FakeHub.Commit}");
    private static readonly ArtifactUri Models = StorageHost.Uri("models");

    private readonly TemporaryFolder _cache = new("hub-cache-");
    private FakeHub _hub = null!;
    private StorageHost _host = null!;
    private ArtifactStores _stores = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _hub.Files["config.json"] = "{}"u8.ToArray();
        _hub.Files["model-1.safetensors"] = RandomNumberGenerator.GetBytes(40 << 20);
        _hub.Files["model-2.safetensors"] = RandomNumberGenerator.GetBytes(1_000_000);
        _hub.Large.UnionWith(["model-1.safetensors", "model-2.safetensors"]);
        _host = await StorageHost.StartAsync();
        _stores = new ArtifactStores(
            _host.Address, new HubSettings { Endpoint = _hub.Address, Cache = _cache.Path }, TimeProvider.System,
            TimeSpan.FromMilliseconds(1));
    }

    public async ValueTask DisposeAsync()
    {
        _stores.Dispose();
        await _host.DisposeAsync();
        await _hub.DisposeAsync();
        _cache.Dispose();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task BringAsync_FromTheHub_HasTheSameBytesAndName(bool ignoresRanges, bool breaks)
    {
        _hub.IgnoresRanges = ignoresRanges;
        _hub.AnswerBytes = breaks ? 30 << 20 : null;
        var seen = new List<TreeProgress>();

        var (tree, wasThere) = await BringAsync(seen.Add);

        Assert.False(wasThere);
        foreach (var (name, bytes) in _hub.Files)
        {
            Assert.Equal(bytes, await _stores.ReadBytesAsync(tree.Child(name), ByteRange.Whole, Cancellation));
        }

        var manifest = await new ArtifactTree(_stores).FindAsync(tree, Cancellation);
        Assert.Equal(_hub.Files.Keys, manifest!.Files.Keys);
        Assert.Equal(_hub.Files.Values.Sum(file => file.Length), seen[^1].Bytes);
        Assert.True(seen.Count(each => each.Name == "model-1.safetensors") >= 3);

        // What is not on this machine already is not put there, unless ranges are not to be had.
        Assert.Equal(ignoresRanges, File.Exists(Path.Combine(
            _cache.Path, "models--google--tiny", "snapshots", FakeHub.Commit, "model-1.safetensors")));

        var asked = _hub.Requests.Count;
        var again = await BringAsync(null);
        Assert.Equal((tree, true), again);
        Assert.DoesNotContain(
            _hub.Requests.Skip(asked), request => request.Contains("model-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BringAsync_AfterAnEndInTheMiddle_CopiesOnlyTheRest()
    {
        var files = await FilesAsync();
        await Assert.ThrowsAsync<TimeoutException>(() =>
            new ArtifactTree(new DyingStore(_stores, "model-2.safetensors")).BringAsync(
                Models, _stores, files, null, Cancellation));
        Assert.Empty(await new ArtifactTree(_stores).ListAsync(Models, Cancellation));
        var asked = _hub.Requests.Count;

        var (tree, _) = await BringAsync(null);

        Assert.NotNull(await new ArtifactTree(_stores).FindAsync(tree, Cancellation));
        Assert.Contains(
            _hub.Requests.Skip(asked), request => request.Contains("model-2", StringComparison.Ordinal));
        Assert.DoesNotContain(
            _hub.Requests.Skip(asked), request => request.Contains("model-1", StringComparison.Ordinal));
        Assert.Empty(await new ArtifactTree(_stores).UnreachableAsync(Models, Cancellation));
    }

    [Theory]
    [InlineData("model-1.safetensors")]
    [InlineData("model-2.safetensors")]
    [InlineData("config.json")]
    public async Task BringAsync_OfAFileWithAnotherHash_LeavesNothingOfIt(string name)
    {
        _hub.WrongHashOf = name;

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => BringAsync(null));

        Assert.Equal("ARTIFACT_DAMAGED", fault.ErrorCode);
        Assert.Contains("hf://google/tiny", fault.Address, StringComparison.Ordinal);
        await foreach (var file in _stores.ListAsync(Models, Cancellation))
        {
            Assert.NotEqual(name, file.Uri.Name);
        }
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(5_000_000)]
    public async Task BringAsync_OfAFileThatChangesAfterItsHashing_LeavesNothingOfIt(int bytes)
    {
        _cache.Write("a.bin", [1, 2, 3]);
        var path = _cache.Write("b.bin", new byte[bytes]);
        TreeSource[] files =
        [
            .. new[] { "a.bin", "b.bin" }.Select(name => new TreeSource(
                name, ArtifactUri.OfFile(_cache[name]), new FileInfo(_cache[name]).Length, null)),
        ];

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => new ArtifactTree(_stores).BringAsync(
            Models, _stores, files, step =>
            {
                if (step is { Step: TreeStep.Copying, Name: "a.bin" })
                {
                    using var file = File.OpenWrite(path);
                    file.Position = bytes / 2;
                    file.WriteByte(1);
                }
            }, Cancellation));

        Assert.Equal("ARTIFACT_DAMAGED", fault.ErrorCode);
        Assert.Contains("b.bin", fault.Address, StringComparison.Ordinal);
        Assert.Equal(
            "a.bin", Assert.Single(await new ArtifactTree(_stores).UnreachableAsync(Models, Cancellation)).Name);
        Assert.Empty(await new ArtifactTree(_stores).ListAsync(Models, Cancellation));
    }

    [Fact]
    public async Task PinAsync_OfABranchThatMoved_IsTheNewCommit()
    {
        var branch = ArtifactUri.Parse("hf://google/tiny");
        var before = await _stores.PinAsync(branch, Cancellation);
        const string Next = "fedcba9876543210fedcba9876543210fedcba98";
        _hub.MoveTo(Next, new(StringComparer.Ordinal) { ["config.json"] = "{ }"u8.ToArray() });

        var after = await _stores.PinAsync(branch, Cancellation);

        Assert.Equal((FakeHub.Commit, Next), (before.Revision, after.Revision));
        Assert.Equal(2, (await _stores.FindAsync(before.Child("config.json"), Cancellation))!.Bytes);
        Assert.Equal(3, (await _stores.FindAsync(after.Child("config.json"), Cancellation))!.Bytes);
    }

    [Fact]
    public async Task ChooseAsync_OfAFolderWithAnIndex_TakesTheShardsThatItNames()
    {
        _hub.Files["consolidated.safetensors"] = [1];
        _hub.Files["model.safetensors.index.json"] =
            """{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"""u8.ToArray();

        var names = (await TextModelFiles.ChooseAsync(_stores, Model, Cancellation)).Select(file => file.Uri.Name);

        Assert.Equal(
            ["config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"], names);
    }

    private async Task<(ArtifactUri Tree, bool WasThere)> BringAsync(Action<TreeProgress>? report) =>
        await new ArtifactTree(_stores).BringAsync(Models, _stores, await FilesAsync(), report, Cancellation);

    private async Task<IReadOnlyList<TreeSource>> FilesAsync() =>
        [.. (await TextModelFiles.ChooseAsync(_stores, Model, Cancellation))
            .Select(file => new TreeSource(file.Uri.Name, file.Uri, file.Bytes, file.Sha256))];
}
