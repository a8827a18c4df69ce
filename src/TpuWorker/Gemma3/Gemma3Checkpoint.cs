using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>
/// A Gemma 3 text model in memory: configuration and single-precision weights. Loaded from and saved as a Hugging
/// Face folder. Weights never change once made; training works on a copy.
/// </summary>
public sealed class Gemma3Checkpoint
{
    // Anything larger beside the weights is not a tokenizer or a configuration.
    private const long MaxCompanionBytes = 64L << 20;

    private static readonly string[] CompanionExtensions = [".json", ".model", ".jinja", ".txt", ".md"];

    internal Gemma3Checkpoint(
        Gemma3Config config, WeightPrecision precision, IReadOnlyDictionary<string, HostTensor> parameters,
        string? source)
    {
        (Config, Precision, Parameters, SourceDirectory) = (config, precision, parameters, source);
    }

    /// <summary>Sizes and constants of the model.</summary>
    public Gemma3Config Config { get; }

    /// <summary>How the weights were stored, and are when saved.</summary>
    public WeightPrecision Precision { get; }

    /// <summary>
    /// The folder that the model came from, whose tokenizer files a save carries along; null if none.
    /// </summary>
    public string? SourceDirectory { get; }

    /// <summary>Number of weights.</summary>
    public long ParameterCount => Parameters.Values.Sum(tensor => (long)tensor.Shape.Count);

    internal IReadOnlyDictionary<string, HostTensor> Parameters { get; }

    /// <summary>
    /// Factor of the embeddings: sqrt(hidden size) in the precision that is computed with, which is single here
    /// whatever the file stores, as in the reference when it loads a checkpoint in single precision.
    /// </summary>
    internal float EmbeddingNormalizer => (float)Math.Sqrt(Config.HiddenSize);

    /// <summary>
    /// Loads config.json and the safetensors weights, whole or sharded, text-only or inside a multimodal model.
    /// </summary>
    /// <param name="directory">A Hugging Face model folder.</param>
    /// <returns>The model, with its weights widened to single precision.</returns>
    /// <exception cref="CheckpointFormatException">
    /// A file is missing, damaged or at odds with the configuration.
    /// </exception>
    public static Gemma3Checkpoint Load(string directory)
    {
        var config = ReadConfig(directory);
        var (tensors, precision) = Gemma3Weights.Read(directory, config);
        return new Gemma3Checkpoint(config, precision, tensors, Path.GetFullPath(directory));
    }

    /// <summary>Reads config.json alone.</summary>
    /// <param name="directory">A Hugging Face model folder.</param>
    /// <returns>Sizes and constants of its model.</returns>
    /// <exception cref="CheckpointFormatException">The file is missing or damaged.</exception>
    public static Gemma3Config ReadConfig(string directory) =>
        Gemma3ConfigFile.Read(Path.Combine(directory, Gemma3ConfigFile.FileName));

    /// <summary>
    /// A fresh model: matrices normal with the configured deviation, norms at rest, padding row zero.
    /// </summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="seed">The same seed gives the same weights on every machine.</param>
    /// <param name="precision">How it will be stored.</param>
    /// <returns>The model.</returns>
    public static Gemma3Checkpoint CreateRandom(
        Gemma3Config config, ulong seed, WeightPrecision precision = WeightPrecision.F32)
    {
        var random = new SeededRandom(seed);
        var tensors = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        foreach (var (name, shape) in Gemma3Parameters.All(config))
        {
            var values = new float[shape.Count];
            for (var i = 0; i < values.Length && !Gemma3Parameters.IsNorm(shape); i++)
            {
                values[i] = (float)(random.NextNormal() * config.InitializerRange);
            }

            tensors.Add(name, new HostTensor(shape, values));
        }

        tensors[Gemma3Parameters.Embedding].Floats
            .AsSpan(config.PadToken * config.HiddenSize, config.HiddenSize).Clear();
        return new Gemma3Checkpoint(config, precision, tensors, null);
    }

    /// <summary>
    /// Writes a text-only Hugging Face folder: config.json, model.safetensors, and the tokenizer and other small files
    /// of the folder that the model came from; generation_config.json is made where that has none. The folder appears
    /// whole or not at all; one that is there is replaced.
    /// </summary>
    /// <param name="directory">Where to write.</param>
    /// <param name="companions">
    /// Folder whose small files are carried along; null for <see cref="SourceDirectory"/>.
    /// </param>
    /// <exception cref="IOException">The disk refused; nothing is left behind.</exception>
    public void Save(string directory, string? companions = null)
    {
        var source = companions ?? SourceDirectory;
        WholeDirectory.Write(directory, target =>
        {
            File.WriteAllText(
                Path.Combine(target, Gemma3ConfigFile.FileName), Gemma3ConfigFile.Write(Config, Precision));
            SafetensorsWriter.Write(Path.Combine(target, Gemma3Weights.FileName), Parameters, Precision);
            foreach (var file in source is null ? [] : CompanionsOf(source))
            {
                File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
            }

            var generation = Path.Combine(target, GenerationConfigFile.FileName);
            if (!File.Exists(generation))
            {
                File.WriteAllText(generation, GenerationConfigFile.Write(Config));
            }
        });
    }

    private static IEnumerable<string> CompanionsOf(string directory) =>
        Directory.EnumerateFiles(directory).Where(path =>
            Path.GetFileName(path) is not Gemma3ConfigFile.FileName
            && !path.EndsWith(".safetensors.index.json", StringComparison.Ordinal)
            && CompanionExtensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase)
            && new FileInfo(path).Length <= MaxCompanionBytes);
}
