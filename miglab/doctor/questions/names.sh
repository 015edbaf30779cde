# What each name leads to from here: `name NAME ADDRESS…`.
for peer in $SELF $(for each in $PEERS; do echo ${each%%=*}; done) $(hostname); do
  echo "name $peer" $(getent ahostsv4 "$peer" | cut -d ' ' -f 1 | sort -u)
done
