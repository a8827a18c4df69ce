using System.CommandLine;
using System.Text;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Tensors;
using Workflows.Translation.Tokenization;

namespace Workflows.Cli.Commands;

/// <summary>workflows translate --model DIR: what a person does with the tuned model the same evening.</summary>
internal static class TranslateCommand
{
    private const int LinesAtOnce = 64;

    private static readonly Option<string> Model = new("--model")
    {
        Description = "A Hugging Face folder, such as the tuned model of a run's report.", Required = true,
    };

    private static readonly Option<string> From = new("--from")
    {
        Description = "Language of the input: ko or en.", DefaultValueFactory = _ => "ko",
    };

    private static readonly Option<string> Prompt = new("--prompt")
    {
        Description = "How a translation is asked for, as in training: translategemma or brief.",
        DefaultValueFactory = _ => "translategemma",
    };

    private static readonly Option<int> MaxNewTokens = new("--max-new-tokens")
    {
        Description = "Longest translation in tokens.", DefaultValueFactory = _ => 128,
    };

    public static Command Create()
    {
        From.AcceptOnlyFromAmong("ko", "en");
        Prompt.AcceptOnlyFromAmong("translategemma", "brief");
        var command = new Command(
            "translate", "Translate lines: workflows translate --model DIR --from ko --prompt brief < in.txt > out.txt")
        {
            Model, From, Prompt, MaxNewTokens,
        };
        command.SetAction((parsed, cancellation) => Task.Run(
            () => Run(
                parsed.GetValue(Model)!, parsed.GetValue(From)!, parsed.GetValue(Prompt)!,
                parsed.GetValue(MaxNewTokens), cancellation),
            CancellationToken.None));
        return command;
    }

    private static int Run(
        string model, string from, string style, int maxNewTokens, CancellationToken cancellation)
    {
        try
        {
            var tokenizer = BpeTokenizer.Load(Path.Combine(model, "tokenizer.json"));
            var prompts = new Prompts(tokenizer, from == "ko" ? "ko-en" : "en-ko", style);
            using var decoder = new GreedyDecoder(Gemma3Checkpoint.Load(model), Environment.ProcessorCount);
            var options = new DecodeOptions { MaxNewTokens = maxNewTokens, StopTokens = prompts.StopTokens };
            var utf8 = new UTF8Encoding(false);
            using var input = new StreamReader(Console.OpenStandardInput(), utf8);
            using var output = new StreamWriter(Console.OpenStandardOutput(), utf8) { NewLine = "\n" };
            var done = 0;
            foreach (var lines in Lines(input).Chunk(LinesAtOnce))
            {
                // An empty line stays one: there is nothing to translate, and the files must stay aligned.
                var asked = lines.Select((line, index) => (line, index))
                    .Where(each => !string.IsNullOrWhiteSpace(each.line)).ToList();
                var answers = decoder.Generate(
                    [.. asked.Select(each => prompts.Prompt(each.line))], options, null, cancellation);
                var translated = new string[lines.Length];
                for (var each = 0; each < asked.Count; each++)
                {
                    translated[asked[each].index] = prompts.Answer(answers[each]);
                }

                foreach (var line in translated)
                {
                    output.WriteLine(line);
                }

                output.Flush();
                done += lines.Length;
                Console.Error.Write($"\r{done} lines");
            }

            Console.Error.WriteLine();
            return ExitCodes.Done;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Detached;
        }
        catch (Exception exception) when (exception is TpuWorkerException or TokenizerException or IOException)
        {
            Console.Error.WriteLine($"--model {model}: {exception.Message}");
            return ExitCodes.Invalid;
        }
    }

    private static IEnumerable<string> Lines(TextReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }
}
