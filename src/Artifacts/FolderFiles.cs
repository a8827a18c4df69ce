using System.IO.Enumeration;

namespace Workflows.Artifacts;

/// <summary>
/// Lists the files below a folder. Links to files are followed, links to folders are not, since they may form loops.
/// </summary>
internal static class FolderFiles
{
    /// <summary>Returns the full paths, in no particular order.</summary>
    public static IEnumerable<string> Of(string folder) => new FileSystemEnumerable<string>(
        folder, (ref FileSystemEntry entry) => entry.ToFullPath(), new EnumerationOptions
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = false,
            AttributesToSkip = FileAttributes.None,
        })
    {
        ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory,
        ShouldRecursePredicate = (ref FileSystemEntry entry) =>
            !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
    };

    /// <summary>Returns the length of a file; for a link, that of its target.</summary>
    public static long LengthOf(string path) =>
        (File.ResolveLinkTarget(path, returnFinalTarget: true) as FileInfo ?? new FileInfo(path)).Length;
}
