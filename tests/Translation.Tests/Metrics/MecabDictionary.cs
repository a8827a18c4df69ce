using System.ComponentModel;
using System.Diagnostics;
using Workflows.TestKit;

namespace Workflows.Translation.Tests.Metrics;

/// <summary>The Korean dictionary, unpacked once for all tests; it lies outside the repository.</summary>
internal static class MecabDictionary
{
    private static readonly Lazy<(string? Path, string? WhyMissing)> Unpacked = new(Unpack);

    public static string? Path => Unpacked.Value.Path;

    public static string? WhyMissing => Unpacked.Value.WhyMissing;

    public static string Require()
    {
        Skipped.Unless(Path is not null, WhyMissing ?? "");
        return Path;
    }

    private static (string? Path, string? WhyMissing) Unpack()
    {
        if (Fixtures.Find("mecab-ko-dic", "dictionary.tar.xz") is not { } archive)
        {
            return (null, "No Korean dictionary: set WORKFLOWS_FIXTURES or put it at ../shared/fixtures.");
        }

        var folder = Directory.CreateTempSubdirectory("mecab-ko-dic-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        try
        {
            using var tar = Process.Start(new ProcessStartInfo("tar", ["-xJf", archive, "-C", folder]))!;
            tar.WaitForExit();
            return tar.ExitCode == 0 ? (folder, null) : (null, "The Korean dictionary needs tar and xz.");
        }
        catch (Win32Exception)
        {
            return (null, "The Korean dictionary needs tar and xz.");
        }
    }
}
