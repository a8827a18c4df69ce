using Microsoft.Extensions.Time.Testing;
using Workflows.Service.Access;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Access;

public sealed class KeyFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("keys-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 8, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Json => Path.Combine(_folder.Path, "access", "keys.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Make_AKey_IsFoundByItsTextAlone()
    {
        var (file, ring) = Open();
        var (key, text) = await file.MakeAsync("laptop", AccessRole.Runner, null, Cancellation);
        var (_, other) = await file.MakeAsync("other", AccessRole.Admin, null, Cancellation);

        Assert.Matches("^wfk_[0-9a-f]{12}_[0-9a-f]{64}$", text);
        Assert.Equal((key.Id, "laptop", AccessRole.Runner), Shown(ring.Find(text)));
        foreach (var wrong in new[]
        {
            text[..^1] + (text[^1] == '0' ? '1' : '0'), text[..^1], text + "0", text.ToUpperInvariant(), "", "wfk_",
            $"{text[..17]}{other[17..]}", text + "\n", text.Replace('_', '-'),
        })
        {
            Assert.Null(ring.Find(wrong));
        }
    }

    [Fact]
    public async Task Make_AKey_StoresNoSecretInAFileOfItsOwnerAlone()
    {
        var (file, _) = Open();
        var (_, text) = await file.MakeAsync("laptop", AccessRole.Admin, TimeSpan.FromDays(90), Cancellation);

        foreach (var path in Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories))
        {
            Assert.DoesNotContain(
                text[17..], await File.ReadAllTextAsync(path, Cancellation), StringComparison.Ordinal);
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            }
        }

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.GetDirectoryName(Json)!));
        }
    }

    /// <summary>Another process's change counts at once, also the second one in a tick of the file's time.</summary>
    [Fact]
    public async Task Find_AfterChangesOfAnotherProcess_SeesEachAtOnce()
    {
        var (_, ring) = Open();
        var (elsewhere, _) = Open();
        Assert.False(ring.HasAny);
        for (var round = 0; round < 20; round++)
        {
            var (_, text) = await elsewhere.MakeAsync("same-name", AccessRole.Reader, null, Cancellation);
            Assert.NotNull(ring.Find(text));

            Assert.True(await elsewhere.RevokeAsync("same-name", Cancellation));
            Assert.Null(ring.Find(text));
        }
    }

    [Fact]
    public async Task Make_ByManyAtOnce_KeepsEveryKey()
    {
        var made = await Task.WhenAll(Enumerable.Range(0, 24).Select(each => Task.Run(() =>
            Open().File.MakeAsync($"key-{each}", AccessRole.Reader, null, Cancellation))));

        var (file, ring) = Open();
        Assert.Equal(24, file.All().Count);
        Assert.All(made, each => Assert.Equal(each.Key.Name, ring.Find(each.Text)?.Name));
        Assert.Equal(
            ["keys.json", "keys.lock"],
            Directory.EnumerateFiles(Path.GetDirectoryName(Json)!).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Expiry_OfAKey_RefusesItAndGivesItsNameFree()
    {
        var (file, ring) = Open();
        var (key, text) = await file.MakeAsync("ci", AccessRole.Runner, TimeSpan.FromHours(1), Cancellation);
        _clock.Advance(TimeSpan.FromMinutes(59));
        Assert.NotNull(ring.FindValid(key.Id));
        await Assert.ThrowsAsync<KeyFileException>(() => file.MakeAsync("ci", AccessRole.Runner, null, Cancellation));

        _clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Null(ring.FindValid(key.Id));
        Assert.True(ring.Find(text)!.HasExpired(_clock.GetUtcNow()));
        await file.MakeAsync("ci", AccessRole.Runner, null, Cancellation);
        Assert.Null(ring.Find(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("-first")]
    [InlineData("a b")]
    [InlineData("a\nb")]
    [InlineData("../up")]
    [InlineData("이름")]
    [InlineData("a\u001b[2J")]
    [InlineData("a234567890123456789012345678901234567890123456789012345678901234x")]
    public async Task Make_ANameThatNoLogShouldShow_IsRefused(string name)
    {
        var fault = await Assert.ThrowsAsync<KeyFileException>(
            () => Open().File.MakeAsync(name, AccessRole.Reader, null, Cancellation));

        Assert.Contains("cannot be the name of a key", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(fault.Message, char.IsControl);
        Assert.False(File.Exists(Json));
    }

    /// <summary>A file that cannot be read opens nothing, and no change makes another of it.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"keys\": null}")]
    [InlineData("{\"keys\": [null]}")]
    [InlineData("{\"keys\": [{\"id\": \"0\", \"name\": \"x\", \"role\": \"king\", \"hash\": \"\"}]}")]
    [InlineData("{\"keys\": [{\"id\": \"0\", \"name\": \"x\", \"role\": 7, \"hash\": \"\"}]}")]
    [InlineData("{\"keys\": [{\"id\": \"0\", \"name\": \"x\", \"role\": \"admin\", \"hash\": \"abc\"}]}")]
    public async Task Read_ADamagedFile_ClosesAndIsKept(string content)
    {
        var (file, ring) = Open();
        var (_, text) = await file.MakeAsync("laptop", AccessRole.Admin, null, Cancellation);
        Assert.NotNull(ring.Find(text));
        await File.WriteAllTextAsync(Json, content, Cancellation);

        Assert.Contains(
            "Mend the file", Assert.Throws<KeyFileException>(() => ring.Find(text)).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<KeyFileException>(() => file.MakeAsync("b", AccessRole.Reader, null, Cancellation));
        Assert.Equal(content, await File.ReadAllTextAsync(Json, Cancellation));
    }

    [Fact]
    public async Task Revoke_AKeyThatIsNotThere_IsSaidAndMakesNoFile()
    {
        Assert.False(await Open().File.RevokeAsync("nobody", Cancellation));
        Assert.False(Directory.Exists(Path.GetDirectoryName(Json)));
    }

    private (KeyFile File, KeyRing Ring) Open()
    {
        var file = new KeyFile(_folder.Path, _clock);
        return (file, new KeyRing(file, _clock));
    }

    private static (string?, string?, AccessRole?) Shown(AccessKey? key) => (key?.Id, key?.Name, key?.Role);
}
