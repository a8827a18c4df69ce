using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.Translation;

namespace Workflows.TpuWorker.Host;

/// <summary>Settings of translating lines.</summary>
public sealed record TranslationSettings
{
    /// <summary>Gets the model's folder.</summary>
    public required string Model { get; init; }

    /// <summary>Gets the folder of an adapter for it; null for none.</summary>
    public string? Adapter { get; init; }

    /// <summary>Gets the direction.</summary>
    public required TranslationDirection Direction { get; init; }

    /// <summary>Gets translategemma or brief.</summary>
    public required string Prompt { get; init; }

    /// <summary>Gets auto, chat or plain.</summary>
    public required string PromptTemplate { get; init; }

    /// <summary>Gets the longest translation in tokens.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Gets the lines decoded at once.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Gets 1 for greedy decoding, more for beam search.</summary>
    public int BeamSize { get; init; } = 1;

    /// <summary>Gets the length penalty of beam search.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>Gets a value indicating whether a line that is too long is truncated instead of refused.</summary>
    public bool Truncates { get; init; }
}

/// <summary>Translates a stream of lines, one line for one line, in order.</summary>
public sealed class LineTranslator : IDisposable
{
    /// <summary>Batches that are read ahead, so that lines of similar length can share one.</summary>
    private const int BatchesAtOnce = 4;

    private readonly TranslationSettings _settings;
    private readonly Gemma3Config _config;
    private readonly Prompts _prompts;
    private readonly ITextDecoder _decoder;

    private LineTranslator(TranslationSettings settings, Gemma3Checkpoint model, Prompts prompts)
    {
        (_settings, _config, _prompts) = (settings, model.Config, prompts);
        _decoder = new OnnxExecutor(Environment.ProcessorCount).CreateDecoder(model);
    }

    /// <summary>Loads the model, and merges the adapter into it.</summary>
    /// <param name="settings">The folders and options.</param>
    /// <returns>The translator, owned by the caller.</returns>
    /// <exception cref="ModelFileException">Model or adapter cannot be read.</exception>
    /// <exception cref="ModelInputException">A setting is not valid for the model.</exception>
    public static LineTranslator Load(TranslationSettings settings)
    {
        var prompts = Prompts.Load(
            settings.Model, settings.Direction, settings.Prompt, settings.PromptTemplate);
        var model = Gemma3Checkpoint.Load(settings.Model);
        if (settings.Adapter is null)
        {
            return new LineTranslator(settings, model, prompts);
        }

        var adapter = LoraAdapter.Load(settings.Adapter, model.Config);
        return new LineTranslator(settings, adapter.Merge(model), prompts) { LeftOut = adapter.LeftOut };
    }

    /// <summary>Gets the number of the adapter's tensors for a multimodal model's vision part, which are
    /// ignored.</summary>
    public int LeftOut { get; private init; }

    /// <summary>Translates until the input ends; an empty line stays empty, so that both files stay aligned.</summary>
    /// <param name="input">The lines.</param>
    /// <param name="output">Receives as many lines, flushed after every few batches.</param>
    /// <param name="onProgress">Called with the number of lines written.</param>
    /// <param name="cancellation">Cancels the translation between two tokens.</param>
    /// <exception cref="ModelInputException">A line makes a prompt that is too long for the model.</exception>
    /// <exception cref="OperationCanceledException">The translation was cancelled.</exception>
    public void Translate(
        IEnumerable<string> input, TextWriter output, Action<int> onProgress, CancellationToken cancellation)
    {
        var done = 0;
        foreach (var lines in input.Chunk(_settings.BatchSize * BatchesAtOnce))
        {
            var asked = Enumerable.Range(0, lines.Length).Where(at => !string.IsNullOrWhiteSpace(lines[at])).ToArray();
            var prompts = Array.ConvertAll(asked, at => Prompt(lines[at], done + at + 1));
            var answers = Decode(prompts, cancellation);
            var translated = new string[lines.Length];
            for (var each = 0; each < asked.Length; each++)
            {
                translated[asked[each]] = _prompts.Answer(answers[each]);
            }

            foreach (var line in translated)
            {
                output.WriteLine(line);
            }

            output.Flush();
            done += lines.Length;
            onProgress(done);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _decoder.Dispose();

    private int[] Prompt(string line, int number)
    {
        var longest = _config.MaxPositions - _settings.MaxNewTokens;
        var prompt = _prompts.Prompt(line, longest, out var length);
        return length <= longest || (_settings.Truncates && prompt.Length <= longest)
            ? prompt
            : throw new ModelInputException(
                $"line {number}", $"makes a prompt of {length} tokens, wanted {longest} at most; shorten it, or use "
                + "--long-input truncate or fewer --max-new-tokens");
    }

    private int[][] Decode(int[][] prompts, CancellationToken cancellation)
    {
        var options = new DecodeOptions
        {
            MaxNewTokens = _settings.MaxNewTokens,
            BatchSize = _settings.BatchSize,
            BeamSize = _settings.BeamSize,
            LengthPenalty = _settings.LengthPenalty,
            StopTokens = _prompts.StopTokens,
        };
        return _decoder.Generate(prompts, options, null, cancellation);
    }
}
