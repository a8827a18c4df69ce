using Workflows.Translation.Corpora;
using Workflows.Translation.Tokenization;

namespace Workflows.Samples;

/// <summary>Trains the sample's tokenizer on the sample's training text; the test set is not looked at.</summary>
internal static class TokenizerCommand
{
    private const int VocabularySize = 3000;

    public static int Run(string folder)
    {
        var pairs = new[] { "general.tsv", "ko-en.train.tsv" }
            .SelectMany(name => CorpusReader.Read(Path.Combine(folder, name)).Pairs).ToList();
        var trained = BpeTrainer.Train(pairs.SelectMany(pair => new[] { pair.Ko, pair.En }),
            new BpeTrainerOptions { VocabularySize = VocabularySize });
        var path = Path.Combine(folder, "tiny-gemma3", "tokenizer.json");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        trained.Save(path);

        var tokenizer = BpeTokenizer.Load(path);
        Console.WriteLine($"{path}: {tokenizer.VocabularySize} entries");
        foreach (var name in new[] { "general.tsv", "ko-en.train.tsv", "ko-en.test.tsv" })
        {
            var read = CorpusReader.Read(Path.Combine(folder, name)).Pairs;
            Console.WriteLine($"{name}: Korean {Length(read.Select(pair => pair.Ko))}, "
                + $"English {Length(read.Select(pair => pair.En))}");
        }

        return 0;

        string Length(IEnumerable<string> sentences)
        {
            var lengths = sentences.Select(sentence => tokenizer.EncodeText(sentence).Length).ToArray();
            return $"{lengths.Average():F1} tokens a sentence, at most {lengths.Max()}";
        }
    }
}
