using ParquetSharp;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>Writes pairs as the Parquet files of a data set's export.</summary>
internal static class ParquetShard
{
    public static void Write(string path, IReadOnlyList<SentencePair> pairs)
    {
        using var file = new ParquetFileWriter(path, [new Column<string>("ko"), new Column<string>("en")]);
        using (var group = file.AppendRowGroup())
        {
            foreach (var side in new[] { pairs.Select(pair => pair.Ko), pairs.Select(pair => pair.En) })
            {
                using var column = group.NextColumn().LogicalWriter<string>();
                column.WriteBatch([.. side]);
            }
        }

        file.Close();
    }
}
