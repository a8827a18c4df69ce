using Workflows.Activities.Capacity;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.Translation;
using Workflows.Translation.Tokenization;

namespace Workflows.Activities.Data;

/// <summary>
/// Checks the model's own files before anything is rented: that the worker can load them, with the worker's own reader,
/// that the tokenizer has the turns of the prompt, and that the pairs fit into the requested length.
/// </summary>
/// <param name="spec">The run.</param>
/// <param name="programs">Counts tokens with their prompt, as the worker does; null to count the texts alone.</param>
internal sealed class ModelGates(RunSpec spec, IRunPrograms? programs)
{
    private const string StartOfTurn = "<start_of_turn>", EndOfTurn = "<end_of_turn>";

    /// <summary>Number of pairs that are tokenized; enough to estimate a share.</summary>
    private const int Looked = 1000;

    /// <summary>Share of pairs too long for the requested length above which that length is refused.</summary>
    private const double MostTooLong = 0.5;

    /// <summary>Positions counted for a prompt without its text, which has fewer tokens.</summary>
    private const int LeastPrompt = 64;

    /// <summary>Checks a model against its training and test pairs.</summary>
    /// <param name="path">The model's folder, or a view of it with the headers of the weights alone.</param>
    /// <param name="hasValues">false for such a view.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="cancellation">Checked while the weights are read.</param>
    /// <returns>The results of the checks.</returns>
    /// <exception cref="RunFaultException">The training would be wasted.</exception>
    public IReadOnlyList<GateResult> Check(
        string path, bool hasValues, RunPairs pairs, CancellationToken cancellation)
    {
        try
        {
            var folder = ModelFolder.Open(path);

            // Checked before the weights: a tokenizer of another model explains shapes that differ.
            var tokenizer = folder.LoadTokenizer();
            return
            [
                Weights(folder),
                Vocabulary(folder, tokenizer),
                Template(spec, folder, tokenizer),
                Answer(tokenizer),
                Length(spec, tokenizer, pairs.Train),
                .. Prompted(path, pairs),
                Positions(spec, folder, tokenizer, pairs.Test),

                // Checked last: it reads the whole checkpoint, and all other checks take a moment.
                hasValues
                    ? Values(folder, cancellation)
                    : new GateResult("values", "looked at by the worker, which reads them all when it loads them"),
            ];
        }
        catch (ModelFileException fault)
        {
            // The message names the address of a view, since users do not know the local path.
            var message = $"'{fault.Path}': {fault.Problem}.".Replace(path, spec.Model, StringComparison.Ordinal);
            throw new RunFaultException(fault.ErrorCode, message, fault.Fix);
        }
    }

    private static GateResult Weights(ModelFolder folder)
    {
        using var weights = folder.OpenWeights();
        var files = weights.FileCount == 1 ? "1 file" : $"{weights.FileCount} files";
        var aside = weights.IgnoresIndex ? $"; the index beside {ModelWeights.FileName} is left aside" : "";
        return new GateResult(
            "weights",
            $"{files}, {weights.Bytes} bytes, as long as the headers say, with every tensor of the model{aside}");
    }

    private static GateResult Values(ModelFolder folder, CancellationToken cancellation)
    {
        using var weights = folder.OpenWeights();
        weights.RequireValues(cancellation);
        return new GateResult("values", "every weight is a finite number, and no matrix is zero throughout");
    }

    private static GateResult Vocabulary(ModelFolder folder, BpeTokenizer tokenizer)
    {
        var (tokens, rows) = (tokenizer.VocabularySize, folder.Config.VocabularySize);
        var aside = tokens > rows ? $"; no text gives the {tokens - rows} without a row" : "";
        return new GateResult("vocabulary", $"{tokens} tokens of {rows} rows{aside}");
    }

    /// <summary>
    /// Checks whether the evaluation's prompts and answers fit into the model's positions. A prompt is longer than its
    /// source text, so the worker may still refuse a text that just passes here.
    /// </summary>
    private static GateResult Positions(
        RunSpec spec, ModelFolder folder, BpeTokenizer tokenizer, IReadOnlyList<SentencePair> test)
    {
        var positions = folder.Config.MaxPositions;
        var left = positions - spec.Evaluation.MaxNewTokens;
        if (left < LeastPrompt)
        {
            throw new RunFaultException(
                "EVALUATION_LENGTH_TOO_LARGE",
                $"evaluation.maxNewTokens is {spec.Evaluation.MaxNewTokens}; the model has {positions} positions for "
                + "prompt and answer together.",
                $"Use at most {positions - LeastPrompt}.");
        }

        var longest = 0;
        foreach (var direction in spec.Directions())
        {
            var lengths = test.Select(pair => tokenizer.EncodeText(pair.Source(direction)).Length);
            foreach (var (at, length) in lengths.Index())
            {
                longest = Math.Max(longest, length);
                if (length > left && spec.Evaluation.LongInput != "truncate")
                {
                    throw new RunFaultException(
                        "EVALUATION_INPUT_TOO_LONG",
                        $"Test pair {at + 1} ({direction.Code()}) has a source of {length} tokens; beside "
                        + $"evaluation.maxNewTokens {spec.Evaluation.MaxNewTokens} the model has room for {left}.",
                        "Shorten it, lower evaluation.maxNewTokens, or set evaluation.longInput to \"truncate\".");
                }
            }
        }

        return new GateResult("positions", $"the longest test source has {longest} tokens, there is room for {left}");
    }

    /// <summary>Checks the template: a checkpoint with another chat template was not trained with this
    /// prompt.</summary>
    private static GateResult Template(RunSpec spec, ModelFolder folder, BpeTokenizer tokenizer)
    {
        if (spec.PromptTemplate == "plain")
        {
            return new GateResult("prompt template", "plain, as asked for");
        }

        if (Single(tokenizer, StartOfTurn) && Single(tokenizer, EndOfTurn))
        {
            return folder.Template?.Contains(StartOfTurn, StringComparison.Ordinal) != false
                ? new GateResult("prompt template", "the tokenizer knows the turns of Gemma 3's chat template")
                : throw new RunFaultException(
                    "MODEL_TEMPLATE_MISMATCH", $"The chat template of '{spec.Model}' has no {StartOfTurn}.",
                    "Give a Gemma 3 checkpoint, or set promptTemplate to \"plain\".");
        }

        throw new RunFaultException(
            "MODEL_TEMPLATE_MISMATCH", $"'{spec.Model}' has no single tokens {StartOfTurn} and {EndOfTurn}.",
            "Give a Gemma 3 checkpoint, or set promptTemplate to \"plain\".");
    }

    private static GateResult Answer(BpeTokenizer tokenizer) =>
        new("end of an answer", $"{EndOfTurn} is token {tokenizer.EndOfTurnId}, <eos> is token {tokenizer.EosId}");

    /// <summary>Checks lengths: a pair is at least as long as its two texts; the worker counts the prompt as
    /// well.</summary>
    private static GateResult Length(RunSpec spec, BpeTokenizer tokenizer, IReadOnlyList<SentencePair> train)
    {
        var most = Math.Min(Looked, train.Count);
        var lengths = Enumerable.Range(0, most)
            .Select(index => train[(int)((long)index * train.Count / most)])
            .Select(pair => tokenizer.EncodeText(pair.Ko).Length + tokenizer.EncodeText(pair.En).Length)
            .Order().ToList();
        var tooLong = lengths.Count(length => length > spec.Training.MaxLength);
        if (tooLong > MostTooLong * most)
        {
            throw new RunFaultException(
                "TRAINING_LENGTH_TOO_SHORT",
                $"training.maxLength is {spec.Training.MaxLength} tokens, and {tooLong} of {most} pairs are longer; "
                + $"half of them have {lengths[most / 2]} or more.",
                $"Use at least {lengths[(int)(0.95 * (most - 1))]} and what the prompt needs, or shorter sentences.");
        }

        return new GateResult(
            "length", $"half of the pairs have up to {lengths[most / 2]} tokens, the longest of {most} {lengths[^1]}; "
                + $"the limit with the prompt is {spec.Training.MaxLength}");
    }

    /// <summary>
    /// Checks lengths with the prompt: a training of which no example fits ends on the TPU, before its first step.
    /// </summary>
    private IEnumerable<GateResult> Prompted(string path, RunPairs pairs)
    {
        if (programs is null)
        {
            yield break;
        }

        var lengths = WithPrompt(programs, path, "training", pairs.Train);
        if (spec.Training.Validation is { Metric: not "chrf" } && pairs.Validation is { Count: > 0 } validation)
        {
            _ = WithPrompt(programs, path, "validation", validation);
        }

        var tooLong = lengths.Count(length => length > spec.Training.MaxLength);
        yield return new GateResult(
            "length with the prompt",
            $"{tooLong} of {lengths.Count} examples are longer than {spec.Training.MaxLength} tokens"
            + (tooLong > 0 ? $", and are left out; the longest has {lengths[^1]}" : ""));
    }

    /// <summary>Counts examples, in the order of their length; of many pairs, some that are spread evenly.</summary>
    private List<int> WithPrompt(
        IRunPrograms counter, string path, string kind, IReadOnlyList<SentencePair> pairs)
    {
        var most = Math.Min(Looked, pairs.Count);
        var looked = Enumerable.Range(0, most).Select(index => pairs[(int)((long)index * pairs.Count / most)]).ToList();
        var lengths = counter.Lengths(spec, path, looked)
            .Select(length => length.Prompt + length.Answer).Order().ToList();
        return lengths[0] <= spec.Training.MaxLength ? lengths : throw new RunFaultException(
            "TRAINING_LENGTH_TOO_SHORT",
            $"training.maxLength is {spec.Training.MaxLength} tokens, and none of {lengths.Count} {kind} examples "
            + $"fits: with the prompt '{spec.Prompt}' the shortest has {lengths[0]}, and half of them have up to "
            + $"{lengths[lengths.Count / 2]}.",
            $"Set training.maxLength to {lengths[(int)(0.95 * (lengths.Count - 1))]}"
            + (spec.Prompt == "brief" ? "." : ", or prompt to \"brief\", which is one short line."));
    }

    private static bool Single(BpeTokenizer tokenizer, string token) =>
        tokenizer.TryGetId(token, out var id) && tokenizer.Encode(token) is [var only] && only == id;
}

/// <summary>The pairs of a run.</summary>
/// <param name="Train">Training pairs.</param>
/// <param name="Test">Test pairs.</param>
/// <param name="Validation">Validation pairs; null for none.</param>
internal sealed record RunPairs(
    IReadOnlyList<SentencePair> Train, IReadOnlyList<SentencePair> Test, IReadOnlyList<SentencePair>? Validation);
