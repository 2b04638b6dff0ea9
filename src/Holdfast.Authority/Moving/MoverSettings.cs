namespace Holdfast.Authority.Moving;

/// <summary>How a mover goes on.</summary>
/// <param name="RowsAtOnce">Rows that are read and written together.</param>
/// <param name="LagMost">The source is fenced once a piece that was all has no more rows: what is left by then is taken over while writers wait.</param>
/// <param name="RoundsMost">Times that all there was is read until it is given up: an account that is written to faster than it can be copied.</param>
/// <param name="FreezeMost">Writers wait no longer: then it is given up.</param>
/// <param name="PieceMost">The source is not fenced while a piece takes longer: a target that is slow would keep writers waiting. Infinite if that does not matter.</param>
/// <param name="UnverifiedMost">The source is not fenced with more rows that were copied since all were compared: those are compared while writers wait.</param>
internal sealed record MoverSettings(int RowsAtOnce, int LagMost, int RoundsMost, TimeSpan FreezeMost, TimeSpan PieceMost, int UnverifiedMost)
{
    public static MoverSettings Default { get; } = new(RowsAtOnce: 20_000, LagMost: 500, RoundsMost: 100, FreezeMost: TimeSpan.FromSeconds(1), PieceMost: TimeSpan.FromMilliseconds(200), UnverifiedMost: 2000);
}
