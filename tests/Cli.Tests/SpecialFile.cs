using System.Diagnostics;

namespace Workflows.Cli.Tests;

/// <summary>Makes what stands at the place of a file and is none, or none that can be read.</summary>
internal static class SpecialFile
{
    /// <summary>Makes a pipe, a link to a device without an end, a folder, or a file of gigabytes.</summary>
    public static void Make(string kind, string path)
    {
        switch (kind)
        {
            case "pipe":
                using (var made = Process.Start("mkfifo", path))
                {
                    made.WaitForExit();
                    Assert.Equal(0, made.ExitCode);
                }

                break;
            case "device":
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            default:
                using (var file = File.Create(path))
                {
                    file.SetLength(3L << 30);
                }

                break;
        }
    }
}
