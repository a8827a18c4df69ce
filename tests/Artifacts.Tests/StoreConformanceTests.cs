using System.Security.Cryptography;
using System.Text;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>Every writable store keeps what <see cref="IArtifactStore"/> promises.</summary>
public abstract class StoreConformanceTests : IAsyncLifetime
{
    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected abstract IArtifactStore Store { get; }

    protected abstract ArtifactUri Root { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(8 << 20)]
    [InlineData((9 << 20) + 17)]
    public async Task WriteAsync_OfAnySize_IsReadBackWithItsHash(int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);

        var written = await WriteAsync("a/b c/한국어+%.bin", bytes);
        var read = await Store.ReadBytesAsync(Root.Child("a/b c/한국어+%.bin"), ByteRange.Whole, Cancellation);
        var found = await Store.FindAsync(Root.Child("a/b c/한국어+%.bin"), Cancellation);

        Assert.Equal(bytes, read);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), written.Sha256);
        Assert.Equal((size, written.Generation), (found!.Bytes, found.Generation));
        Assert.True(found.Generation > 0);
    }

    [Theory]
    [InlineData(0, 3, "012")]
    [InlineData(4, 2, "45")]
    [InlineData(9, 1, "9")]
    [InlineData(10, 0, "")]
    [InlineData(7, null, "789")]
    public async Task ReadAsync_OfARange_GivesItsBytesAlone(long offset, int? length, string expected)
    {
        await WriteAsync("digits", "0123456789"u8.ToArray());

        var read = await Store.ReadBytesAsync(Root.Child("digits"), new ByteRange(offset, length), Cancellation);

        Assert.Equal(expected, Encoding.ASCII.GetString(read));
    }

    [Theory]
    [InlineData(8, 3)]
    [InlineData(11, null)]
    [InlineData(1L << 40, 1)]
    public async Task ReadAsync_BeyondTheEnd_SaysHowLongItIs(long offset, int? length)
    {
        await WriteAsync("digits", "0123456789"u8.ToArray());

        var fault = await Assert.ThrowsAsync<ArtifactException>(() =>
            Store.ReadAsync(Root.Child("digits"), new ByteRange(offset, length), Stream.Null, Cancellation));

        Assert.Equal(ArtifactFault.Truncated, fault.Fault);
        Assert.Contains("10 bytes", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FindReadDelete_OfNothing_SayThatThereIsNone()
    {
        Assert.Null(await Store.FindAsync(Root.Child("none"), Cancellation));
        Assert.False(await Store.DeleteAsync(Root.Child("none"), null, Cancellation));
        var fault = await Assert.ThrowsAsync<ArtifactException>(() =>
            Store.ReadAsync(Root.Child("none"), ByteRange.Whole, Stream.Null, Cancellation));
        Assert.Equal("ARTIFACT_NOT_FOUND", fault.ErrorCode);
        Assert.Empty(await NamesAsync(Root.Child("nowhere")));
    }

    /// <summary>More than the reader is let ahead of, from the beginning, the middle and the last byte.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData((3 << 20) + 17, 0)]
    [InlineData((3 << 20) + 17, (1 << 20) + 5)]
    [InlineData((3 << 20) + 17, (3 << 20) + 16)]
    public async Task OpenReadAsync_FromAnyPlace_GivesTheBytesToTheEnd(int size, int from)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        await WriteAsync("pulled", bytes);

        await using var stream = await Store.OpenReadAsync(Root.Child("pulled"), size, Cancellation);
        stream.Seek(from, SeekOrigin.Begin);
        using var read = new MemoryStream();
        await stream.CopyToAsync(read, Cancellation);

        Assert.Equal(bytes[from..], read.ToArray());
        Assert.Equal((size, size), (stream.Length, stream.Position));
        Assert.Equal("ARTIFACT_DAMAGED", (await Assert.ThrowsAsync<ArtifactException>(() =>
            Store.OpenReadAsync(Root.Child("pulled"), size + 1, Cancellation))).ErrorCode);
        Assert.Equal("ARTIFACT_NOT_FOUND", (await Assert.ThrowsAsync<ArtifactException>(() =>
            Store.OpenReadAsync(Root.Child("none"), size, Cancellation))).ErrorCode);
    }

    [Fact]
    public async Task WriteAsync_IfAbsent_WritesOnceOnly()
    {
        await WriteAsync("once", "first"u8.ToArray(), WriteCondition.IfAbsent);

        var fault = await Assert.ThrowsAsync<ArtifactException>(() =>
            WriteAsync("once", "second"u8.ToArray(), WriteCondition.IfAbsent));

        Assert.Equal("ARTIFACT_CHANGED", fault.ErrorCode);
        Assert.Equal("first", await TextAsync("once"));
    }

    [Fact]
    public async Task WriteAsync_IfAbsentByMany_HasOneWinner()
    {
        var writes = await Task.WhenAll(Enumerable.Range(0, 8).Select(async number =>
        {
            try
            {
                await WriteAsync("race", Encoding.ASCII.GetBytes($"{number}"), WriteCondition.IfAbsent);
                return $"{number}";
            }
            catch (ArtifactException exception) when (exception.Fault == ArtifactFault.Precondition)
            {
                return null;
            }
        }));

        Assert.Equal(Assert.Single(writes, write => write is not null), await TextAsync("race"));
    }

    [Fact]
    public async Task WriteAndDelete_OfAVersion_TouchNoOther()
    {
        var first = await WriteAsync("v", "1"u8.ToArray());
        var second = await WriteAsync("v", "2"u8.ToArray(), WriteCondition.IfGeneration(first.Generation));

        Assert.NotEqual(first.Generation, second.Generation);
        await AssertChangedAsync(() => WriteAsync("v", "3"u8.ToArray(), WriteCondition.IfGeneration(first.Generation)));
        await AssertChangedAsync(() => Store.DeleteAsync(Root.Child("v"), first.Generation, Cancellation));
        Assert.Equal("2", await TextAsync("v"));
        Assert.True(await Store.DeleteAsync(Root.Child("v"), second.Generation, Cancellation));
        Assert.Null(await Store.FindAsync(Root.Child("v"), Cancellation));
    }

    [Fact]
    public async Task ListAsync_OfAFolder_GivesAllBelowItInOrderAndNothingBeside()
    {
        foreach (var name in (string[])["run/b", "run/a/2", "run/a/1", "run/a.txt", "runs", "other/x"])
        {
            await WriteAsync(name, Encoding.UTF8.GetBytes(name));
        }

        Assert.Equal(["a.txt", "a/1", "a/2", "b"], await NamesAsync(Root.Child("run")));
    }

    [Fact]
    public async Task WriteAsync_OfABrokenSource_LeavesTheOldOne()
    {
        await WriteAsync("kept", "old"u8.ToArray());

        await Assert.ThrowsAnyAsync<Exception>(() => Store.WriteAsync(
            Root.Child("kept"), new BrokenStream(9 << 20), WriteCondition.None, Cancellation));

        Assert.Equal("old", await TextAsync("kept"));
        Assert.Equal(["kept"], await NamesAsync(Root));
    }

    [Fact]
    public async Task Tree_WrittenAndDeleted_IsThereWithItsManifestOnly()
    {
        using var folder = Folder(("weights.bin", "weights"), ("deep/card.md", "card"));
        var (tree, uri) = (new ArtifactTree(Store), Root.Child("trees/one"));

        Assert.Null(await tree.FindAsync(uri, Cancellation));
        await tree.WriteAsync(uri, folder.Path, Cancellation);
        using var copy = new TemporaryFolder("tree-copy-");
        await tree.ReadAsync(uri, copy.Path, Cancellation);

        Assert.Equal("card", await File.ReadAllTextAsync(Path.Combine(copy.Path, "deep", "card.md"), Cancellation));
        Assert.Equal([uri], await tree.ListAsync(Root.Child("trees"), Cancellation));
        await tree.DeleteAsync(uri, Cancellation);
        Assert.Empty(await NamesAsync(Root.Child("trees")));
    }

    [Fact]
    public async Task Tree_WhoseWriterDiesBeforeTheManifest_IsNotThereAndItsRestsAreNamed()
    {
        using var folder = Folder(("a.bin", "a"), ("b.bin", "b"));
        var dying = new DyingStore(Store, ArtifactManifest.FileName);
        var uri = Root.Child("trees/two");

        await Assert.ThrowsAsync<TimeoutException>(() =>
            new ArtifactTree(dying).WriteAsync(uri, folder.Path, Cancellation));

        var tree = new ArtifactTree(Store);
        Assert.Null(await tree.FindAsync(uri, Cancellation));
        Assert.Equal(
            [uri.Child("a.bin"), uri.Child("b.bin")],
            await tree.UnreachableAsync(Root.Child("trees"), Cancellation));
        await tree.WriteAsync(uri, folder.Path, Cancellation);
        Assert.Empty(await tree.UnreachableAsync(Root.Child("trees"), Cancellation));
    }

    [Fact]
    public async Task Tree_WrittenAgainWithOtherFiles_HasNoneOfTheOldOnes()
    {
        using var first = Folder(("old.bin", "1"), ("both.bin", "1"));
        using var second = Folder(("both.bin", "2"));
        var (tree, uri) = (new ArtifactTree(Store), Root.Child("trees/three"));

        await tree.WriteAsync(uri, first.Path, Cancellation);
        await tree.WriteAsync(uri, second.Path, Cancellation);

        Assert.Equal([ArtifactManifest.FileName, "both.bin"], await NamesAsync(uri));
    }

    [Fact]
    public async Task Tree_WithADamagedFile_IsRefusedByItsName()
    {
        using var folder = Folder(("weights.bin", "weights"));
        var (tree, uri) = (new ArtifactTree(Store), Root.Child("trees/four"));
        await tree.WriteAsync(uri, folder.Path, Cancellation);
        await WriteAsync("trees/four/weights.bin", "wEights"u8.ToArray());
        using var copy = new TemporaryFolder("tree-copy-");

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => tree.ReadAsync(uri, copy.Path, Cancellation));

        Assert.Equal("ARTIFACT_DAMAGED", fault.ErrorCode);
        Assert.Contains("weights.bin", fault.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(copy.Path, "weights.bin")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("""{"format": 2, "files": {"a": {"bytes": 1, "sha256": ""}}}""")]
    [InlineData("""{"format": 1, "files": {}}""")]
    [InlineData("""{"format": 1, "files": {"../a": {"bytes": 1, "sha256": ""}}}""")]
    public async Task Tree_WhoseManifestIsRubbish_IsRefused(string manifest)
    {
        var uri = Root.Child("trees/five");
        await WriteAsync($"trees/five/{ArtifactManifest.FileName}", Encoding.UTF8.GetBytes(manifest));

        await Assert.ThrowsAsync<ArtifactException>(() => new ArtifactTree(Store).FindAsync(uri, Cancellation));
    }

    [Fact]
    public async Task WriteByContentAsync_OfTheSameFiles_WritesOnce()
    {
        using var folder = Folder(("config.json", "{}"), ("model.safetensors", "x"), ("model.gguf", "no"));
        var tree = new ArtifactTree(Store);

        var first = await tree.WriteByContentAsync(
            Root.Child("models"), folder.Path, TextModelFiles.IsNeeded, Cancellation);
        var second = await tree.WriteByContentAsync(
            Root.Child("models"), folder.Path, TextModelFiles.IsNeeded, Cancellation);

        Assert.Equal((false, true), (first.WasThere, second.WasThere));
        Assert.Equal(first.Tree, second.Tree);
        Assert.Equal(
            [ArtifactManifest.FileName, "config.json", "model.safetensors"], await NamesAsync(first.Tree));
    }

    protected Task<ArtifactInfo> WriteAsync(string name, byte[] bytes, WriteCondition condition = default) =>
        Store.WriteBytesAsync(Root.Child(name), bytes, condition, Cancellation);

    private static TemporaryFolder Folder(params (string Name, string Text)[] files)
    {
        var folder = new TemporaryFolder("tree-");
        foreach (var (name, text) in files)
        {
            var path = Path.Combine(folder.Path, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }

        return folder;
    }

    private static async Task AssertChangedAsync(Func<Task> call) =>
        Assert.Equal(ArtifactFault.Precondition, (await Assert.ThrowsAsync<ArtifactException>(call)).Fault);

    private async Task<string> TextAsync(string name) => Encoding.UTF8.GetString(
        await Store.ReadBytesAsync(Root.Child(name), ByteRange.Whole, Cancellation));

    private async Task<List<string>> NamesAsync(ArtifactUri folder)
    {
        var names = new List<string>();
        await foreach (var info in Store.ListAsync(folder, Cancellation))
        {
            names.Add(info.Uri.RelativeTo(folder)!);
        }

        return names;
    }

    /// <summary>A source whose disk fails in the middle.</summary>
    private sealed class BrokenStream(int length) : MemoryStream(new byte[length])
    {
        public override int Read(Span<byte> buffer)
        {
            var bytes = new byte[buffer.Length];
            var count = Read(bytes, 0, bytes.Length);
            bytes.AsSpan(0, count).CopyTo(buffer);
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Position > length / 2
            ? throw new IOException("bad sector") : base.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(Read(buffer.Span));

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            Task.FromResult(Read(buffer.AsSpan(offset, count)));
    }
}

/// <summary>Files.</summary>
public sealed class FileConformanceTests : StoreConformanceTests
{
    private readonly TemporaryFolder _folder = new("artifacts-");

    protected override IArtifactStore Store { get; } = new FileArtifactStore();

    protected override ArtifactUri Root => ArtifactUri.OfFile(_folder["root"]);

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Cloud Storage, as the emulator plays it, through the dispatcher of all places.</summary>
public sealed class StorageConformanceTests : StoreConformanceTests
{
    private StorageHost? _host;
    private ArtifactStores? _stores;

    protected override IArtifactStore Store => _stores!;

    protected override ArtifactUri Root => StorageHost.Uri("some/prefix");

    public override async ValueTask InitializeAsync()
    {
        _host = await StorageHost.StartAsync();
        _stores = new ArtifactStores(_host.Address);
    }

    public override async ValueTask DisposeAsync()
    {
        _stores!.Dispose();
        await _host!.DisposeAsync();
    }
}

/// <summary>Fails to write one name, as a process that was killed.</summary>
internal sealed class DyingStore(IArtifactStore inner, string name) : IArtifactStore
{
    public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
        inner.FindAsync(uri, cancellation);

    public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
        inner.ListAsync(folder, cancellation);

    public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation) =>
        inner.ReadAsync(uri, range, target, cancellation);

    public Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation) =>
        uri.Name == name ? throw new TimeoutException() : inner.WriteAsync(uri, content, condition, cancellation);

    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
        inner.DeleteAsync(uri, generation, cancellation);
}
