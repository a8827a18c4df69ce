using Workflows.Activities.Readiness;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Readiness;

/// <summary>Checks that ask nobody.</summary>
public sealed class ChecksTests
{
    [Theory]
    [InlineData("https://gateway.example:8443", ReadinessLevel.Ok, "")]
    [InlineData("https://34.1.2.3", ReadinessLevel.Ok, "")]
    [InlineData("https://172.15.0.1", ReadinessLevel.Ok, "")]
    [InlineData("https://172.16.0.1", ReadinessLevel.Warn, "same network")]
    [InlineData("https://10.0.0.1:8443", ReadinessLevel.Warn, "same network")]
    [InlineData("https://[fd00::1]:8443", ReadinessLevel.Warn, "same network")]
    [InlineData("http://34.1.2.3", ReadinessLevel.Fail, "plain text")]
    [InlineData("http://gateway.example", ReadinessLevel.Fail, "plain text")]
    [InlineData("https://127.0.0.1", ReadinessLevel.Fail, "only this machine")]
    [InlineData("https://[::1]", ReadinessLevel.Fail, "only this machine")]
    [InlineData("https://0.0.0.0:8443", ReadinessLevel.Fail, "only this machine")]
    [InlineData("http://localhost:8081", ReadinessLevel.Fail, "only this machine")]
    [InlineData("ftp://gateway.example", ReadinessLevel.Fail, "no address of HTTP")]
    [InlineData(null, ReadinessLevel.Fail, "is not set")]
    public void OfAddress_IsOkOnlyForTlsToAnotherMachine(string? address, ReadinessLevel level, string words)
    {
        var line = GatewayChecks.OfAddress(address is null ? null : new Uri(address));

        Assert.Equal(level, line.Level);
        Assert.Contains(words, line.Finding, StringComparison.Ordinal);
        Assert.Equal(level == ReadinessLevel.Ok, line.Fix is null);
    }

    [Theory]
    [InlineData("us-docker.pkg.dev/p/r/worker:1", ReadinessLevel.Ok)]
    [InlineData("localhost/worker", ReadinessLevel.Ok)]
    [InlineData("host:5000/worker@sha256:00", ReadinessLevel.Ok)]
    [InlineData("workflows-worker:latest", ReadinessLevel.Fail)]
    [InlineData("team/worker", ReadinessLevel.Fail)]
    [InlineData("", ReadinessLevel.Fail)]
    public void OfName_OfAnImageWithoutARegistry_Fails(string image, ReadinessLevel level) =>
        Assert.Equal(level, ImageChecks.OfName(image).Level);

    [Fact]
    public void Disk_OfAFolderThatIsNoFolder_Fails()
    {
        using var folder = new TemporaryFolder();

        Assert.Equal(ReadinessLevel.Fail, MachineChecks.Disk(folder.Write("file", "x")).Level);
        Assert.NotEqual(ReadinessLevel.Fail, MachineChecks.Disk(folder.Path).Level);
        Assert.Equal(["file"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData(1L << 30, ReadinessLevel.Warn)]
    [InlineData(4L << 30, ReadinessLevel.Ok)]
    public void Memory_BelowTheLeast_IsAWarning(long bytes, ReadinessLevel level) =>
        Assert.Equal(level, MachineChecks.OfMemory(bytes).Level);
}
