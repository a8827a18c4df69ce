namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>
/// Writes a directory whole or not at all: its content is written beside it under another name, flushed to disk file by
/// file, and renamed into place. A crash leaves nothing or the whole new directory; a replaced directory is kept under
/// its name with ".replaced" until the new one is in place.
/// </summary>
internal static class WholeDirectory
{
    private const string WritingSuffix = ".writing";
    private const string ReplacedSuffix = ".replaced";

    public static void Write(string path, Action<string> fill)
    {
        var target = Path.GetFullPath(path);
        var parent = Path.GetDirectoryName(target)!;
        var (writing, replaced) = (target + WritingSuffix, target + ReplacedSuffix);
        Directory.CreateDirectory(parent);
        Remove(writing);
        Directory.CreateDirectory(writing);
        try
        {
            fill(writing);
            foreach (var file in Directory.EnumerateFiles(writing))
            {
                DiskFlush.Flush(file);
            }

            DiskFlush.Flush(writing);
            Remove(replaced);
            if (Directory.Exists(target))
            {
                Directory.Move(target, replaced);
            }

            Directory.Move(writing, target);
        }
        catch
        {
            Remove(writing);
            throw;
        }

        DiskFlush.Flush(parent);
        Remove(replaced);
    }

    private static void Remove(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
