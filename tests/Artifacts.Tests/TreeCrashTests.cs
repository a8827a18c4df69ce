using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>Trees broken off at any call or damaged in any way: whole, not there, or found to be damaged.</summary>
public sealed class TreeCrashTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("artifacts-");
    private readonly FileArtifactStore _store = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>
    /// Every call of a store may be the last one before a crash: a tree is whole where it has a manifest.
    /// </summary>
    [Fact]
    public async Task Tree_CrashAtEveryCall_IsWholeOrNotThere()
    {
        foreach (var isAgain in (bool[])[false, true])
        {
            for (var calls = 0; ; calls++)
            {
                using var folder = new TemporaryFolder("tree-");
                var (tree, source) = (ArtifactUri.OfFile(folder["tree"]), folder["source"]);
                Directory.CreateDirectory(Path.Combine(source, "d"));
                File.WriteAllText(Path.Combine(source, "a"), "new a");
                File.WriteAllText(Path.Combine(source, "d", "b"), "new b");
                if (isAgain)
                {
                    var old = folder["old"];
                    Directory.CreateDirectory(old);
                    File.WriteAllText(Path.Combine(old, "a"), "old a");
                    File.WriteAllText(Path.Combine(old, "c"), "old c");
                    await new ArtifactTree(_store).WriteAsync(tree, old, Cancellation);
                }

                var crashing = new CrashingStore(_store, calls);
                try
                {
                    await new ArtifactTree(crashing).WriteAsync(tree, source, Cancellation);
                }
                catch (CrashException)
                {
                }

                var manifest = await new ArtifactTree(_store).FindAsync(tree, Cancellation);
                if (manifest is not null)
                {
                    await new ArtifactTree(_store).ReadAsync(tree, folder["copy"], Cancellation);
                    var names = manifest.Files.Keys.ToList();
                    Assert.Equal(isAgain && names.Contains("c") ? ["a", "c"] : ["a", "d/b"], names);
                    Assert.Equal(
                        names.Contains("c") ? "old a" : "new a", File.ReadAllText(Path.Combine(folder["copy"], "a")));
                }

                // Whatever was left, writing again makes it whole, and nothing stays unreachable.
                await new ArtifactTree(_store).WriteAsync(tree, source, Cancellation);
                Assert.Empty(await new ArtifactTree(_store).UnreachableAsync(tree, Cancellation));
                if (!crashing.HasCrashed)
                {
                    Assert.InRange(calls, 5, 30);
                    break;
                }
            }
        }
    }

    /// <summary>The same while a tree is deleted: half of it is not a tree, and deleting again ends it.</summary>
    [Fact]
    public async Task TreeDelete_CrashAtEveryCall_NeverLeavesAManifestOfHalf()
    {
        for (var calls = 0; ; calls++)
        {
            using var folder = new TemporaryFolder("tree-");
            var tree = ArtifactUri.OfFile(folder["tree"]);
            Directory.CreateDirectory(folder["source"]);
            folder.Write("source/a", "a");
            folder.Write("source/b", "b");
            await new ArtifactTree(_store).WriteAsync(tree, folder["source"], Cancellation);
            var crashing = new CrashingStore(_store, calls);
            try
            {
                await new ArtifactTree(crashing).DeleteAsync(tree, Cancellation);
            }
            catch (CrashException)
            {
            }

            if (await new ArtifactTree(_store).FindAsync(tree, Cancellation) is not null)
            {
                await new ArtifactTree(_store).ReadAsync(tree, folder["copy"], Cancellation);
            }

            await new ArtifactTree(_store).DeleteAsync(tree, Cancellation);
            Assert.False(Directory.Exists(folder["tree"]));
            if (!crashing.HasCrashed)
            {
                break;
            }
        }
    }

    /// <summary>A manifest that is damaged or lies is a damaged artifact, whatever is in it.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"format\": 1}")]
    [InlineData("{\"format\": 1, \"files\": null}")]
    [InlineData("{\"format\": 1, \"files\": {}}")]
    [InlineData("{\"format\": 2, \"files\": {\"a\": {\"bytes\": 1, \"sha256\": \"00\"}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"a\": null}}")]
    [InlineData("{\"format\": 1, \"files\": {\"a\": {}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"a\": {\"bytes\": 1, \"sha256\": null}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"a\": {\"bytes\": -1, \"sha256\": \"00\"}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"a\": {\"bytes\": 1, \"sha256\": \"zz\"}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"../a\": {\"bytes\": 1, \"sha256\": \"00\"}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"/etc/a\": {\"bytes\": 1, \"sha256\": \"00\"}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"artifact.json\": {\"bytes\": 1, \"sha256\": \"00\"}}}")]
    [InlineData("{\"format\": 1, \"files\": {\"a\": 5}}")]
    [InlineData("{\"format\": 1e99, \"files\": {}}")]
    public async Task TreeRead_ManifestOfRubbish_IsDamaged(string manifest)
    {
        Directory.CreateDirectory(_folder["tree"]);
        _folder.Write("tree/artifact.json", manifest);
        _folder.Write("tree/a", "x");

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => new ArtifactTree(_store).ReadAsync(
            ArtifactUri.OfFile(_folder["tree"]), _folder["copy"], Cancellation));

        Assert.Equal(ArtifactFault.Damaged, fault.Fault);
        Assert.False(Directory.Exists(_folder["copy"]));
    }

    /// <summary>
    /// Any damage of a whole tree is found by its manifest, and what is right already is not fetched again.
    /// </summary>
    [Fact]
    public async Task TreeRead_RandomDamage_IsFoundOrHarmless() => await Seeds.TryAsync(25, async random =>
    {
        using var folder = new TemporaryFolder("tree-");
        Directory.CreateDirectory(folder["source"]);
        foreach (var name in (string[])["a", "b"])
        {
            folder.Write($"source/{name}", new string(name[0], random.Next(0, 50)));
        }

        var tree = ArtifactUri.OfFile(folder["tree"]);
        await new ArtifactTree(_store).WriteAsync(tree, folder["source"], Cancellation);
        var victim = random.GetItems(["a", "b", "artifact.json"], 1)[0];
        var path = Path.Combine(folder["tree"], victim);
        File.WriteAllBytes(path, AnyText.Damage(random, File.ReadAllBytes(path)));
        try
        {
            await new ArtifactTree(_store).ReadAsync(tree, folder["copy"], Cancellation);
            Assert.All((string[])["a", "b"], name => Assert.Equal(
                File.ReadAllText(Path.Combine(folder["source"], name)),
                File.ReadAllText(Path.Combine(folder["copy"], name))));
        }
        catch (ArtifactException fault)
        {
            Assert.Contains(
                fault.Fault, (ArtifactFault[])[ArtifactFault.Damaged, ArtifactFault.NotFound, ArtifactFault.Address]);
        }
    });

    public void Dispose() => _folder.Dispose();

    private sealed class CrashException : Exception;

    /// <summary>Ends with an exception at one call, as if the process had ended; every call after it as well.</summary>
    private sealed class CrashingStore(IArtifactStore inner, int calls) : IArtifactStore
    {
        private int _left = calls;

        public bool HasCrashed => _left < 0;

        public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
            Once(() => inner.FindAsync(uri, cancellation));

        public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
            Once(() => inner.ListAsync(folder, cancellation));

        public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation) =>
            Once(() => inner.ReadAsync(uri, range, target, cancellation));

        public Task<ArtifactInfo> WriteAsync(
            ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation) =>
            Once(() => inner.WriteAsync(uri, content, condition, cancellation));

        public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
            Once(() => inner.DeleteAsync(uri, generation, cancellation));

        private T Once<T>(Func<T> call) => --_left < 0 ? throw new CrashException() : call();
    }
}
