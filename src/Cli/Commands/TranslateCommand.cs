using System.Buffers;
using System.CommandLine;
using System.IO.Pipelines;
using System.Text;
using Workflows.Activities.Reporting;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Tensors;
using Workflows.Translation;

namespace Workflows.Cli.Commands;

/// <summary>Implements <c>workflows translate --model DIR</c>, which translates lines with a tuned model.</summary>
internal sealed class TranslateCommand(Func<Stream> input, Func<Stream> output, TextWriter error)
{
    private const string Korean = "ko", English = "en";

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly Option<string> _model = new("--model")
    {
        Description = "A Hugging Face folder, such as the tuned model of a run's report.",
        Required = true,
    };

    private readonly Option<string?> _adapter = new("--adapter")
    {
        Description = "A PEFT folder with an adapter for that model.",
    };

    private readonly Option<string?> _from = new("--from") { Description = "Language of the input: ko or en." };

    private readonly Option<string?> _to = new("--to") { Description = "Language of the output: en or ko." };

    private readonly Option<string?> _prompt = new("--prompt")
    {
        Description = "Wording of the request: translategemma or brief (default: as the model was tuned).",
    };

    private readonly Option<string?> _template = new("--prompt-template")
    {
        Description = "What stands around it: auto, chat or plain (default: as the model was tuned).",
    };

    private readonly Option<int> _maxNewTokens = new("--max-new-tokens")
    {
        Description = "Longest translation in tokens.",
        DefaultValueFactory = _ => 128,
    };

    private readonly Option<int> _batch = new("--batch")
    {
        Description = "Lines decoded at once.",
        DefaultValueFactory = _ => 16,
    };

    private readonly Option<int> _beams = new("--beam-size")
    {
        Description = "1: greedy; more: beam search.",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<double> _lengthPenalty = new("--length-penalty")
    {
        Description = "Of beam search; above 0 favours longer translations.",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<string> _longInput = new("--long-input")
    {
        Description = "A line that is too long for the model: refuse or truncate.",
        DefaultValueFactory = _ => "refuse",
    };

    public static Command Create() =>
        Create(Console.OpenStandardInput, Console.OpenStandardOutput, Console.Error);

    public static Command Create(Func<Stream> input, Func<Stream> output, TextWriter error) =>
        new TranslateCommand(input, output, error).Build();

    private Command Build()
    {
        _from.AcceptOnlyFromAmong(Korean, English);
        _to.AcceptOnlyFromAmong(Korean, English);
        _prompt.AcceptOnlyFromAmong("translategemma", "brief");
        _template.AcceptOnlyFromAmong("auto", "chat", "plain");
        _longInput.AcceptOnlyFromAmong("refuse", "truncate");
        Within(_maxNewTokens, 131_072);
        Within(_batch, 1_024);
        Within(_beams, 64);
        var command = new Command(
            "translate", "Translate lines: workflows translate --model DIR --from ko --to en < in.txt > out.txt")
        {
            _model, _adapter, _from, _to, _prompt, _template, _maxNewTokens, _batch, _beams, _lengthPenalty, _longInput,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() => Run(parsed, cancellation), CancellationToken.None));
        return command;
    }

    private static void Within(Option<int> option, int most) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out var value)
            && (value < 1 || value > most))
        {
            result.AddError($"{option.Name}: {value} is out of range; use 1 to {most}.");
        }
    });

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        try
        {
            using var translator = LineTranslator.Load(Settings(parsed));
            if (translator.LeftOut > 0)
            {
                error.WriteLine(
                    $"Note: left out {Counted.Of(translator.LeftOut, "tensor")} of the adapter for the picture part.");
            }

            var utf8 = new UTF8Encoding(false);
            using var stream = input();
            using var writer = new StreamWriter(output(), utf8) { NewLine = "\n" };
            var progress = new LineProgress(error, Console.IsErrorRedirected, TimeProvider.System);
            translator.Translate(Lines(stream), writer, progress.Report, cancellation);
            progress.End();
            return ExitCodes.Done;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Detached;
        }
        catch (Exception exception)
            when (exception is CommandException or TpuWorkerException or ModelFileException or IOException)
        {
            error.WriteLine(exception.Message);
            return ExitCodes.Invalid;
        }
    }

    private TranslationSettings Settings(ParseResult parsed)
    {
        var model = parsed.GetValue(_model)!;
        if (!Directory.Exists(model))
        {
            throw new CommandException($"--model: there is no folder '{model}'.", ExitCodes.Invalid);
        }

        var adapter = parsed.GetValue(_adapter);
        var card = (adapter is null ? null : TranslationCard.TryRead(adapter)) ?? TranslationCard.TryRead(model);
        var direction = DirectionOf(parsed.GetValue(_from), parsed.GetValue(_to), card?.Directions);
        if (card is { Directions.Count: > 0 } && !card.Directions.Contains(direction))
        {
            error.WriteLine(
                $"Warning: the model was taught {string.Join(" and ", card.Directions.Select(each => each.Code()))} "
                + $"alone, not {direction.Code()}; its translations will be poor.");
        }

        return new TranslationSettings
        {
            Model = model,
            Adapter = adapter,
            Direction = direction,
            Prompt = parsed.GetValue(_prompt) ?? card?.Prompt ?? "translategemma",
            PromptTemplate = parsed.GetValue(_template) ?? card?.PromptTemplate ?? "auto",
            MaxNewTokens = parsed.GetValue(_maxNewTokens),
            BatchSize = parsed.GetValue(_batch),
            BeamSize = parsed.GetValue(_beams),
            LengthPenalty = parsed.GetValue(_lengthPenalty),
            Truncates = parsed.GetValue(_longInput) == "truncate",
        };
    }

    /// <summary>Chooses the named direction, else the model's own, else Korean to English.</summary>
    internal static TranslationDirection DirectionOf(
        string? from, string? to, IReadOnlyList<TranslationDirection>? tuned) => (from, to) switch
        {
            (null, null) => tuned is [var only] ? only : TranslationDirection.KoToEn,
            (Korean, Korean) or (English, English) => throw new CommandException(
                $"--to: '{to}' is the language of the input; use --from ko --to en, or --from en --to ko.",
                ExitCodes.Invalid),
            (Korean, _) or (_, English) => TranslationDirection.KoToEn,
            _ => TranslationDirection.EnToKo,
        };

    /// <summary>
    /// Splits lines as wc counts them: only a line feed ends one, so that the output has as many. A carriage return
    /// before it and a byte order mark are left out.
    /// </summary>
    private static IEnumerable<string> Lines(Stream stream)
    {
        var reader = PipeReader.Create(stream);
        var number = 0;
        while (true)
        {
            var result = reader.ReadAsync().AsTask().GetAwaiter().GetResult();
            var unread = result.Buffer;
            while (unread.PositionOf((byte)'\n') is { } end)
            {
                yield return Line(unread.Slice(0, end), ++number);
                unread = unread.Slice(unread.GetPosition(1, end));
            }

            if (result.IsCompleted)
            {
                if (!unread.IsEmpty)
                {
                    yield return Line(unread, ++number);
                }

                yield break;
            }

            reader.AdvanceTo(unread.Start, unread.End);
        }
    }

    private static string Line(ReadOnlySequence<byte> bytes, int number)
    {
        try
        {
            var line = Strict.GetString(bytes).TrimEnd('\r');
            return number == 1 ? line.TrimStart('\ufeff') : line;
        }
        catch (DecoderFallbackException)
        {
            throw new CommandException(
                $"Line {number} of the input is not UTF-8; convert it, for example with iconv -t UTF-8.",
                ExitCodes.Invalid);
        }
    }
}
