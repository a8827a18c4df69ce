using Workflows.TestKit;

namespace Workflows.Translation.Tests;

public sealed class FileKindTests
{
    [Theory]
    [InlineData("/dev/null", false)]
    [InlineData("/dev/zero", false)]
    [InlineData("/nowhere/a.tsv", true)]
    public void IsRegular_DevicesAndMissingFiles_AreToldApart(string path, bool isRegular)
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Devices are told from files on Linux alone.");
        Assert.Equal(isRegular, FileKind.IsRegular(path));
    }

    [Fact]
    public void IsRegular_LinkToAFile_IsAFile()
    {
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(folder["link"], folder.Write("a", "x"));
        Assert.True(FileKind.IsRegular(folder["link"]));
    }
}
