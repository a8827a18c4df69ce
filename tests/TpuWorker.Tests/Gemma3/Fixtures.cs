using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

/// <summary>Reference results made with transformers; tests that need them skip where the folder is absent.</summary>
internal static class Fixtures
{
    public const int IgnoredLabel = -100;

    private const string Absent = "(absent)";

    /// <summary>
    /// Finds every folder below gemma3/ that holds the files, by its name relative to that; if there is none, gives one
    /// name that makes the test skip.
    /// </summary>
    public static TheoryData<string> With(string file, params string[] others)
    {
        var root = Root;
        var folders = root is null
            ? []
            : Directory.EnumerateFiles(root, file, SearchOption.AllDirectories)
                .Select(path => Path.GetDirectoryName(path)!)
                .Where(folder => others.All(other => File.Exists(Path.Combine(folder, other))))
                .Select(folder => Path.GetRelativePath(root, folder))
                .Order(StringComparer.Ordinal).ToArray();
        return folders.Length == 0 ? [Absent] : [.. folders];
    }

    /// <summary>Every file below gemma3/ whose name fits the pattern, as folder and name.</summary>
    public static TheoryData<string, string> Files(string pattern)
    {
        var root = Root;
        var data = new TheoryData<string, string>();
        string[] paths = root is null ? [] : Directory.GetFiles(root, pattern, SearchOption.AllDirectories);
        foreach (var path in paths.Order(StringComparer.Ordinal))
        {
            data.Add(Path.GetRelativePath(root!, Path.GetDirectoryName(path)!), Path.GetFileName(path));
        }

        if (!data.Any())
        {
            data.Add(Absent, Absent);
        }

        return data;
    }

    private static string? Root => TestKit.Fixtures.Find("gemma3");

    public static string Folder(string name) => TestKit.Fixtures.Require("gemma3", name);

    public static Dictionary<string, HostTensor> Read(string folder, string file)
    {
        using var tensors = SafetensorsFile.Open(Path.Combine(folder, file));
        return tensors.Tensors.ToDictionary(
            entry => entry.Key,
            entry => entry.Value.Type == "I32" ? tensors.ReadInts(entry.Key) : tensors.ReadFloats(entry.Key));
    }

    /// <summary>The reference batch as examples: padding cut off, the loss where labels are given.</summary>
    public static TrainingExample[] Examples(string folder)
    {
        var batch = Read(folder, "batch.safetensors");
        var (rows, length) = (batch["input_ids"].Shape[0], batch["input_ids"].Shape[1]);
        return [.. Enumerable.Range(0, rows).Select(row =>
        {
            var range = (row * length)..((row + 1) * length);
            var tokens = batch["input_ids"].Ints[range][..batch["attention_mask"].Ints[range].Sum()];
            return new TrainingExample(tokens, Array.FindIndex(batch["labels"].Ints[range], l => l != IgnoredLabel));
        })];
    }
}
