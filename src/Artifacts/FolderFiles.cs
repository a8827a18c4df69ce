using System.IO.Enumeration;

namespace Workflows.Artifacts;

/// <summary>
/// The files below a folder. Links to files are followed, links to folders are not: they may form loops.
/// </summary>
internal static class FolderFiles
{
    /// <summary>The full paths, in no order.</summary>
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

    /// <summary>The length of a file; of a link that of the file it leads to.</summary>
    public static long LengthOf(string path) =>
        (File.ResolveLinkTarget(path, returnFinalTarget: true) as FileInfo ?? new FileInfo(path)).Length;
}
