//! The operator's binary.

fn main() -> anyhow::Result<()> {
    print!("{}", crossfade::api::crd::yaml()?);
    Ok(())
}
