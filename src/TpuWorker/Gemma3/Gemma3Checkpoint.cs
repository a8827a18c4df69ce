using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>
/// A Gemma 3 text model in memory: configuration and single-precision weights. Loaded from and saved as a Hugging Face
/// folder. Weights never change once created; training works on a copy.
/// </summary>
public sealed class Gemma3Checkpoint
{
    internal Gemma3Checkpoint(
        Gemma3Config config, WeightPrecision precision, IReadOnlyDictionary<string, HostTensor> parameters,
        string? source)
    {
        (Config, Precision, Parameters, SourceDirectory) = (config, precision, parameters, source);
    }

    /// <summary>Sizes and constants of the model.</summary>
    public Gemma3Config Config { get; }

    /// <summary>The precision in which the weights were stored, and are saved.</summary>
    public WeightPrecision Precision { get; }

    /// <summary>
    /// The folder of the model, whose tokenizer files are copied by a save; null for none.
    /// </summary>
    public string? SourceDirectory { get; }

    /// <summary>Number of weights.</summary>
    public long ParameterCount => Parameters.Values.Sum(tensor => (long)tensor.Shape.Count);

    internal IReadOnlyDictionary<string, HostTensor> Parameters { get; }

    /// <summary>
    /// Factor of the embeddings: sqrt(hidden size) in the precision of the computation, which is single here for any
    /// stored precision, as in the reference when it loads a checkpoint in single precision.
    /// </summary>
    internal float EmbeddingNormalizer => (float)Math.Sqrt(Config.HiddenSize);

    /// <summary>
    /// Loads config.json and the safetensors weights, whole or sharded, text-only or inside a multimodal model.
    /// </summary>
    /// <param name="directory">A Hugging Face model folder.</param>
    /// <returns>The model, with its weights widened to single precision.</returns>
    /// <exception cref="ModelFileException">
    /// A file is missing, damaged or does not match the configuration.
    /// </exception>
    public static Gemma3Checkpoint Load(string directory)
    {
        var folder = ModelFolder.Open(directory);
        var (tensors, precision) = Gemma3Weights.Read(folder);
        return new Gemma3Checkpoint(folder.Config, precision, tensors, Path.GetFullPath(directory));
    }

    /// <summary>Reads config.json only.</summary>
    /// <param name="directory">A Hugging Face model folder.</param>
    /// <returns>Sizes and constants of its model.</returns>
    /// <exception cref="ModelFileException">The file is missing or damaged.</exception>
    public static Gemma3Config ReadConfig(string directory) =>
        Gemma3ConfigFile.Read(Path.Combine(directory, Gemma3ConfigFile.FileName));

    /// <summary>
    /// Creates a model with random weights: matrices normal with the configured deviation, norms neutral, padding row
    /// zero.
    /// </summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="seed">The same seed gives the same weights on every machine.</param>
    /// <param name="precision">The precision in which it will be stored.</param>
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

    /// <summary>Returns the same weights, with one more token that ends a text.</summary>
    /// <param name="token">The token, such as the end of a turn for a model that was tuned by turns.</param>
    /// <returns>The model; this one if it has that end token already.</returns>
    /// <exception cref="ModelInputException">The token has no row in the embedding.</exception>
    public Gemma3Checkpoint WithEndToken(int token)
    {
        if (token < 0 || token >= Config.VocabularySize)
        {
            throw new ModelInputException("end token", $"is {token}, wanted 0 to {Config.VocabularySize - 1}");
        }

        return Config.EndTokens.Contains(token)
            ? this
            : new Gemma3Checkpoint(
                Config with { EndTokens = [.. Config.EndTokens, token] }, Precision, Parameters, SourceDirectory);
    }

    /// <summary>
    /// Writes a text-only Hugging Face folder: config.json, model.safetensors, generation_config.json with this model's
    /// end tokens among its own, and the tokenizer files and chat template of the folder that the model came from. The
    /// folder appears whole or not at all; an existing one is replaced.
    /// </summary>
    /// <param name="directory">The folder to write.</param>
    /// <param name="companions">
    /// Folder whose tokenizer files are copied; null for <see cref="SourceDirectory"/>.
    /// </param>
    /// <param name="chatTemplate">
    /// Template to write as chat_template.jinja if no copied file has one; null for none.
    /// </param>
    /// <exception cref="IOException">The disk reported an error; nothing is left behind.</exception>
    /// <exception cref="ModelFileException">A file to copy is damaged; nothing is left behind.</exception>
    public void Save(string directory, string? companions = null, string? chatTemplate = null)
    {
        var source = companions ?? SourceDirectory;
        WholeDirectory.Write(directory, target =>
        {
            File.WriteAllText(
                Path.Combine(target, Gemma3ConfigFile.FileName), Gemma3ConfigFile.Write(Config, Precision));
            SafetensorsWriter.Write(Path.Combine(target, ModelWeights.FileName), Parameters, Precision);
            foreach (var file in source is null ? [] : ModelFolder.Companions(source))
            {
                File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
            }

            if (chatTemplate is not null && ChatTemplate.Read(target) is null)
            {
                File.WriteAllText(Path.Combine(target, ChatTemplate.FileName), chatTemplate);
            }

            var generation = Path.Combine(target, GenerationConfigFile.FileName);
            File.WriteAllText(
                generation, File.Exists(generation)
                    ? GenerationConfigFile.WriteFrom(generation, Config)
                    : GenerationConfigFile.Write(Config));
        });
    }
}
