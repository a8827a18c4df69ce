using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// The checkpoints of one training, each a directory step-NNNNNNNN with weights, both moments and a manifest. A
/// checkpoint is valid only if every file has the hash that its manifest gives.
/// </summary>
internal sealed class TrainingCheckpoints(string directory, int keep)
{
    private const string Prefix = "step-";
    private const string Weights = "weights.safetensors";
    private const string First = "first-moments.safetensors";
    private const string Second = "second-moments.safetensors";

    /// <summary>
    /// Writes a checkpoint whole or not at all, then removes the oldest beyond those to keep; the best is always kept.
    /// </summary>
    /// <returns>Its directory.</returns>
    public string Write(TrainingManifest manifest, TrainingTensors tensors)
    {
        var path = PathOf(manifest.Step);
        WholeDirectory.Write(path, target =>
        {
            var files = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var (name, part) in Parts(tensors))
            {
                var file = Path.Combine(target, name);
                SafetensorsWriter.Write(file, part, WeightPrecision.F32);
                files.Add(name, HashOf(file));
            }

            File.WriteAllBytes(
                Path.Combine(target, TrainingManifest.FileName), (manifest with { Files = files }).ToJson());
        });
        var best = manifest.BestScore?.Step;
        foreach (var old in Existing().Where(existing => existing != path).Skip(keep - 1)
            .Where(existing => StepOf(existing) != best))
        {
            Directory.Delete(old, recursive: true);
        }

        return path;
    }

    /// <summary>
    /// Loads the newest valid checkpoint into the given tensors, and adds to <paramref name="damaged"/> the skipped
    /// ones with their reasons.
    /// </summary>
    /// <param name="fingerprints">This training's fingerprint, and those of its earlier numbers of steps.</param>
    /// <param name="tensors">Receive the weights and moments.</param>
    /// <param name="damaged">Receives the reasons.</param>
    /// <returns>Its manifest; null if there is none.</returns>
    /// <exception cref="CheckpointMismatchException">The newest valid checkpoint belongs to another
    /// training.</exception>
    public (TrainingManifest Manifest, string Path)? LoadNewest(
        IReadOnlyList<string> fingerprints, TrainingTensors tensors, List<string> damaged)
    {
        foreach (var path in Existing())
        {
            try
            {
                var manifest = ReadVerified(path);
                if (!fingerprints.Contains(manifest.Fingerprint))
                {
                    throw new CheckpointMismatchException(path, manifest.Fingerprint, fingerprints[0]);
                }

                Load(path, Parts(tensors));
                return (manifest, path);
            }
            catch (ModelFileException fault)
            {
                damaged.Add(fault.Message);
            }
        }

        return null;
    }

    /// <summary>Loads only the weights of the checkpoint of a step.</summary>
    /// <exception cref="ModelFileException">It is missing or damaged.</exception>
    public void LoadWeights(int step, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var path = PathOf(step);
        _ = ReadVerified(path);
        Load(path, [(Weights, weights)]);
    }

    private string PathOf(int step) => Path.Combine(directory, $"{Prefix}{step:D8}");

    private static (string File, IReadOnlyDictionary<string, HostTensor> Tensors)[] Parts(TrainingTensors tensors) =>
        [(Weights, tensors.Weights), (First, tensors.First), (Second, tensors.Second)];

    /// <summary>Lists the checkpoints, newest first.</summary>
    private List<string> Existing() => !Directory.Exists(directory)
        ? []
        : [.. Directory.EnumerateDirectories(directory, $"{Prefix}*")
            .Where(path => StepOf(path) is not null).OrderByDescending(StepOf)];

    private static int? StepOf(string path) =>
        int.TryParse(
            Path.GetFileName(path).AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            ? step
            : null;

    private static TrainingManifest ReadVerified(string path)
    {
        var file = Path.Combine(path, TrainingManifest.FileName);
        try
        {
            var manifest = TrainingManifest.FromJson(File.ReadAllBytes(file));
            if (manifest is not { Format: TrainingManifest.CurrentFormat })
            {
                throw Damaged(file, $"its format is {manifest?.Format}, wanted {TrainingManifest.CurrentFormat}");
            }

            foreach (var name in (string[])[Weights, First, Second])
            {
                file = Path.Combine(path, name);
                if (HashOf(file) != manifest.Files.GetValueOrDefault(name))
                {
                    throw Damaged(file, "it does not have the hash that the manifest gives");
                }
            }

            return manifest;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            throw Damaged(file, $"it cannot be read ({fault.Message})", fault);
        }
    }

    private static void Load(string path, (string File, IReadOnlyDictionary<string, HostTensor> Tensors)[] parts)
    {
        // Everything is read before anything is overwritten: an error must not leave half of it in place.
        var loaded = new List<(float[] From, float[] To)>();
        foreach (var (name, tensors) in parts)
        {
            using var file = SafetensorsFile.Open(Path.Combine(path, name));
            foreach (var (tensorName, tensor) in tensors)
            {
                var read = file.ReadFloats(tensorName);
                if (!read.Shape.Equals(tensor.Shape))
                {
                    throw Damaged(file.Path, $"tensor '{tensorName}' is {read.Shape}, wanted {tensor.Shape}");
                }

                loaded.Add((read.Floats, tensor.Floats));
            }
        }

        foreach (var (from, to) in loaded)
        {
            from.CopyTo(to, 0);
        }
    }

    private static ModelFileException Damaged(string file, string problem, Exception? innerException = null) =>
        new(
            file, problem, fix: "Delete this checkpoint's folder; an older one is used.",
            innerException: innerException);

    private static string HashOf(string file)
    {
        using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
