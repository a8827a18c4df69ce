using Workflows.TestKit;
using Workflows.TpuWorker.Host;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>Compiled programs on their way between the VMs of a run: useful, and never a reason to fail.</summary>
public sealed class ProgramShareTests : IDisposable
{
    private static readonly string First = $"{new string('a', 64)}.pjrt", Second = $"{new string('b', 64)}.pjrt";
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _log = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _log.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task BringAsync_WhatAnotherVmShared_IsThereWithTheSameBytes()
    {
        Compile("lost-vm", First, [1, 2, 3]);
        Compile("lost-vm", Second, []);
        await Share("lost-vm").ShareAsync(Cancellation);

        var other = Share("other-vm");
        await other.BringAsync(Cancellation);
        Compile("other-vm", $"{new string('c', 64)}.pjrt", [9]);
        await other.ShareAsync(Cancellation);

        Assert.Equal([1, 2, 3], File.ReadAllBytes(_folder[$"other-vm/{First}"]));
        Assert.Empty(File.ReadAllBytes(_folder[$"other-vm/{Second}"]));
        Assert.Equal(3, Directory.GetFiles(_folder["bucket/test-bucket/run/programs"]).Length);
        Assert.Equal("", _log.ToString());
    }

    [Fact]
    public async Task BringAsync_AProgramThatIsHereAlready_IsLeftAsItIs()
    {
        Compile("vm", First, [1]);
        await Share("vm").ShareAsync(Cancellation);
        Compile("other-vm", First, [7]);

        await Share("other-vm").BringAsync(Cancellation);

        Assert.Equal([7], File.ReadAllBytes(_folder[$"other-vm/{First}"]));
    }

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("../../escaped.pjrt")]
    [InlineData("nested/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.pjrt")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.pjrt")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.pjrt.unfinished")]
    public async Task BringAsync_OfAnotherName_IsNotBrought(string name)
    {
        var path = Path.GetFullPath(Path.Combine(_folder["bucket/test-bucket/run/programs"], name));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, [1]);

        await Share("vm").BringAsync(Cancellation);

        Assert.False(Directory.Exists(_folder["vm"]));
    }

    [Fact]
    public async Task ShareAsync_UnfinishedFilesAndThoseThatAreThere_AreNotWritten()
    {
        Compile("vm", First, [1]);
        Compile("vm", "q2p0.unfinished", [1]);
        var share = Share("vm", mostWrites: 1);

        await share.ShareAsync(Cancellation);
        await share.ShareAsync(Cancellation);

        Assert.Equal([First], Directory.GetFiles(_folder["bucket/test-bucket/run/programs"]).Select(Path.GetFileName));
        Assert.Equal("", _log.ToString());
    }

    [Fact]
    public async Task ShareAsync_NetworkGone_IsToldAndTriedAgainTheNextTime()
    {
        Compile("vm", First, [1]);
        var share = Share("vm", mostWrites: 0);

        await share.ShareAsync(Cancellation);
        await Share("vm").ShareAsync(Cancellation);

        Assert.Contains("could not be shared: ", _log.ToString(), StringComparison.Ordinal);
        Assert.Contains("The network is gone.", _log.ToString(), StringComparison.Ordinal);
        Assert.True(File.Exists(_folder[$"bucket/test-bucket/run/programs/{First}"]));
    }

    [Fact]
    public async Task BringAsync_FolderThatCannotBe_IsToldAndNoFault()
    {
        Compile("vm", First, [1]);
        await Share("vm").ShareAsync(Cancellation);
        File.WriteAllText(_folder["a-file"], "");

        await Share("a-file").BringAsync(Cancellation);

        Assert.Contains("could not be brought: ", _log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ShareAsync_NoTimeLeft_EndsInSilence()
    {
        Compile("vm", First, [1]);

        await Share("vm").ShareAsync(new CancellationToken(canceled: true));

        Assert.Equal("", _log.ToString());
    }

    private ProgramShare Share(string vm, int mostWrites = int.MaxValue) => new(
        new BucketInAFolder(_folder["bucket"], mostWrites), BucketInAFolder.Uri("run/programs"), _folder[vm], _log);

    private void Compile(string vm, string name, byte[] bytes)
    {
        Directory.CreateDirectory(_folder[vm]);
        File.WriteAllBytes(_folder[$"{vm}/{name}"], bytes);
    }
}
