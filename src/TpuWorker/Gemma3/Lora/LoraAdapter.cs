using System.Numerics.Tensors;
using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>
/// A low-rank adapter in memory, which is added to a model's linear layers. Loaded from and saved as a PEFT folder. Its
/// tensors never change once created; training works on a copy.
/// </summary>
public sealed class LoraAdapter
{
    /// <summary>Name of the tensors' file in a PEFT folder.</summary>
    internal const string FileName = "adapter_model.safetensors";

    // PEFT's prefix of a model, followed by the prefixes of text weights in text-only and in multimodal models; the
    // first and the last are written.
    private const string Wrapping = "base_model.model.";
    private static readonly string[] Prefixes = ["model.", "language_model.model.", "model.language_model."];

    private static readonly string[] PictureParts = [".vision_tower.", ".multi_modal_projector."];

    // Number of a random stream that no epoch of the data order uses.
    private const ulong InitializerStream = ulong.MaxValue;

    private readonly LoraOptions _options;

    internal LoraAdapter(LoraOptions options, IReadOnlyDictionary<string, HostTensor> tensors)
    {
        (_options, Tensors) = (options.Clone(), tensors);
    }

    /// <summary>Rank, strength and targets; a copy.</summary>
    public LoraOptions Options => _options.Clone();

    /// <summary>
    /// Number of the folder's tensors that adapt a multimodal model's vision part; they are not used for translation.
    /// </summary>
    public int LeftOut { get; private init; }

    /// <summary>Number of weights.</summary>
    public long ParameterCount => Tensors.Values.Sum(tensor => (long)tensor.Shape.Count);

    internal IReadOnlyDictionary<string, HostTensor> Tensors { get; }

    /// <summary>
    /// Creates an adapter with PEFT's initialization: A uniform within 1 / sqrt(in) either side of 0 (Kaiming with a =
    /// sqrt(5)), B zero, so that it changes nothing yet.
    /// </summary>
    /// <param name="config">Sizes of the model to adapt.</param>
    /// <param name="options">Rank and targets.</param>
    /// <param name="seed">The same seed gives the same weights on every machine.</param>
    /// <returns>The adapter.</returns>
    /// <exception cref="ModelInputException">An option is out of range.</exception>
    public static LoraAdapter Create(Gemma3Config config, LoraOptions options, ulong seed)
    {
        options.Validate();
        var random = new SeededRandom(seed, InitializerStream);
        var tensors = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        foreach (var (name, shape) in LoraParameters.Adapted(config, options.Targets))
        {
            var down = new float[options.Rank * shape[1]];
            var bound = 1 / Math.Sqrt(shape[1]);
            for (var i = 0; i < down.Length; i++)
            {
                down[i] = (float)(((2 * random.NextUnit()) - 1) * bound);
            }

            tensors.Add(LoraParameters.DownOf(name), new HostTensor(new Shape(options.Rank, shape[1]), down));
            tensors.Add(
                LoraParameters.UpOf(name), HostTensor.Zeros(DType.Float32, new Shape(shape[0], options.Rank)));
        }

        return new LoraAdapter(options, tensors);
    }

    /// <summary>Loads adapter_config.json and adapter_model.safetensors as PEFT writes them.</summary>
    /// <param name="directory">A PEFT adapter folder.</param>
    /// <param name="config">The model that it adapts.</param>
    /// <returns>The adapter, widened to single precision.</returns>
    /// <exception cref="ModelFileException">
    /// A file is missing, damaged, does not match the model, or requires more than plain LoRA on linear layers.
    /// </exception>
    public static LoraAdapter Load(string directory, Gemma3Config config)
    {
        // The files that are missing in a wrong folder are checked first.
        var configFile = Path.Combine(directory, LoraConfigFile.FileName);
        RegularFile.Require(configFile, FileLimits.Configuration);
        using var file = SafetensorsFile.Open(Path.Combine(directory, FileName));
        var within = Array.Find(Prefixes, each => file.Tensors.Keys.Any(
            name => name.StartsWith($"{Wrapping}{each}layers.", StringComparison.Ordinal))) ?? Prefixes[0];
        var options = LoraConfigFile.Read(configFile, within, config.LayerCount);
        var (wanted, prefix) = (LoraParameters.All(config, options).ToArray(), Wrapping + within);
        var tensors = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        foreach (var (name, shape) in wanted)
        {
            var stored = Stored(prefix, name);
            var got = file.Tensors.TryGetValue(stored, out var found)
                ? SafetensorsValues.ShapeOf(found)
                : throw Misfit(file, $"tensor '{stored}' {shape} is missing");
            tensors.Add(name, got.Equals(shape)
                ? file.ReadFloats(stored)
                : throw Misfit(file, $"tensor '{stored}' is {got}, wanted {shape}"));
        }

        var used = wanted.Select(tensor => Stored(prefix, tensor.Name)).ToHashSet(StringComparer.Ordinal);
        var others = file.Tensors.Keys.Where(name => !used.Contains(name)).ToList();
        var ofPictures = others.RemoveAll(
            name => PictureParts.Any(part => name.Contains(part, StringComparison.Ordinal)));
        return others.Count > 0
            ? throw Misfit(file, $"tensor '{others[0]}' adapts nothing that is supported")
            : new LoraAdapter(options, tensors) { LeftOut = ofPictures };
    }

    /// <summary>
    /// Writes a PEFT folder that transformers, vLLM and others load. It appears whole or not at all; an existing one is
    /// replaced.
    /// </summary>
    /// <param name="directory">The folder to write.</param>
    /// <param name="baseModel">
    /// Name or folder of the adapted model, for base_model_name_or_path; null to leave it open. If it is the folder of
    /// a multimodal model, the adapter is written for its text part, as transformers nests it.
    /// </param>
    /// <exception cref="IOException">The disk reported an error; nothing is left behind.</exception>
    public void Save(string directory, string? baseModel = null) => WholeDirectory.Write(directory, target =>
    {
        var isNested = baseModel is not null && Gemma3ConfigFile.IsMultimodal(baseModel);
        File.WriteAllText(
            Path.Combine(target, LoraConfigFile.FileName), LoraConfigFile.Write(_options, baseModel, isNested));
        var prefix = Wrapping + (isNested ? Prefixes[^1] : Prefixes[0]);
        var stored = Tensors.ToDictionary(
            entry => Stored(prefix, entry.Key), entry => entry.Value, StringComparer.Ordinal);
        SafetensorsWriter.Write(Path.Combine(target, FileName), stored, WeightPrecision.F32);
    });

    /// <summary>Returns the model with W + s B A in place of each adapted W, computed in single precision.</summary>
    /// <param name="model">The adapted model; weights that are not adapted are shared with the result.</param>
    /// <returns>A separate model that needs no adapter; it is stored at the same precision.</returns>
    /// <exception cref="ModelInputException">The adapter is for a model of other sizes.</exception>
    public Gemma3Checkpoint Merge(Gemma3Checkpoint model)
    {
        RequireFits(model.Config);
        var merged = new Dictionary<string, HostTensor>(model.Parameters, StringComparer.Ordinal);
        foreach (var (name, _) in LoraParameters.Adapted(model.Config, _options.Targets))
        {
            merged[name] = Sum(
                merged[name], Tensors[LoraParameters.DownOf(name)].Floats, Tensors[LoraParameters.UpOf(name)].Floats);
        }

        return new Gemma3Checkpoint(model.Config, model.Precision, merged, model.SourceDirectory);
    }

    private void RequireFits(Gemma3Config config)
    {
        foreach (var (name, shape) in LoraParameters.All(config, _options))
        {
            var got = Tensors.GetValueOrDefault(name)?.Shape;
            if (!shape.Equals(got))
            {
                throw new ModelInputException("adapter", $"has {got?.ToString() ?? "no"} '{name}', wanted {shape}");
            }
        }
    }

    private HostTensor Sum(HostTensor weight, float[] down, float[] up)
    {
        var values = (float[])weight.Floats.Clone();
        var (rank, width) = (_options.Rank, weight.Shape[1]);
        for (var row = 0; row < weight.Shape[0]; row++)
        {
            var target = values.AsSpan(row * width, width);
            for (var i = 0; i < rank; i++)
            {
                TensorPrimitives.MultiplyAdd(
                    down.AsSpan(i * width, width), _options.Scale * up[(row * rank) + i], target, target);
            }
        }

        return new HostTensor(weight.Shape, values);
    }

    private static ModelFileException Misfit(SafetensorsFile file, string problem) =>
        new(file.Path, problem, fix: "Give the adapter of this model, with its own adapter_config.json.");

    private static string Stored(string prefix, string name) => prefix + name[Model.Gemma3Parameters.Prefix.Length..];
}
