using Workflows.ModelFiles;

namespace Workflows.Activities.Data;

/// <summary>Checks a file that a request names, without reading it.</summary>
public static class InputFile
{
    /// <summary>Most bytes of a scenario file.</summary>
    public const long MostScenarioBytes = 1L << 20;

    /// <summary>Most bytes of a corpus file.</summary>
    public const long MostCorpusBytes = 4L << 30;

    /// <summary>Returns the most bytes of a model's file.</summary>
    /// <param name="name">Its name, such as <c>config.json</c>.</param>
    /// <returns>The limit of the reader of that file.</returns>
    public static long MostBytesOf(string name) =>
        name == "config.json" ? FileLimits.Configuration : FileLimits.Tokenizer;

    /// <summary>Checks that a path is a regular file within a size.</summary>
    /// <param name="path">The path.</param>
    /// <param name="mostBytes">The limit.</param>
    /// <returns>The fault as a sentence; null when there is none.</returns>
    public static string? FaultOf(string path, long mostBytes)
    {
        if (!File.Exists(path))
        {
            return Directory.Exists(path) ? $"'{path}' is a folder." : $"There is no file '{path}'.";
        }

        try
        {
            RegularFile.Require(path, mostBytes);
            return null;
        }
        catch (ModelFileException exception)
        {
            return $"'{path}' cannot be used: {exception.Problem}.";
        }
    }
}
